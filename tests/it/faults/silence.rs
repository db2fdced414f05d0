//! A registry that only the Docker server reaches, where everything sent to it from here is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastbuild::image::{Digest, ImageReference};

use crate::support::scripted::{Hook, ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, RequestShape, TestService};

const LIMIT: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_silent_to_us_is_asked_through_the_daemon_and_waited_for_once() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let registry = silent.local_addr().unwrap().to_string();
    let pulls = Arc::new(AtomicUsize::new(0));
    let counted = pulls.clone();
    let hook: Hook = Box::new(move |called| {
        counted.fetch_add(usize::from(called == "pull"), Ordering::SeqCst);
        Box::pin(async {})
    });
    let engine = Arc::new(ScriptedEngine { hook: Some(hook), ..ScriptedEngine::default() });
    let base: ImageReference = format!("{registry}/base/debian:12").parse().unwrap();
    engine.digests.lock().unwrap().insert(base.to_string(), Digest::of(b"moved"));
    let connector = Arc::new(ScriptedConnector(engine.clone()));
    let service = TestService::start_over(Arc::new(tempfile::tempdir().unwrap()), |_| {}, connector).await;
    let configuration = Configuration::default().with("harbor_registry", &registry);
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let mut times = Vec::new();
    for tag in 1..=2 {
        let target = format!("{registry}/team/silence:{tag}").parse().unwrap();
        let shape = RequestShape::platform(&base, &target, "").os_packages("apt", &["tree"]);
        let start = Instant::now();
        let task_id = service.submit(&shape.build()).await;
        assert_eq!(service.end_of(task_id, LIMIT).await["state"], "PUSH_SUCCESS");
        assert_eq!(pulls.load(Ordering::SeqCst), tag, "the daemon knows that the tag moved");
        times.push(start.elapsed());
    }
    assert!(times[0] < Duration::from_secs(20) && times[1] < Duration::from_secs(4), "{times:?}");
    service.stop().await;
}
