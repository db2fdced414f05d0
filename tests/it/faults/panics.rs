//! A fault of ours: a stage that panics ends its own task and nothing else, and prints no secret.

use std::sync::Arc;
use std::time::Duration;

use super::hand::{Expected, fails, plain};
use super::table::SERVICE_PANICS;
use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, TestService};

const WORDS: &str = "the service failed while it worked on the task";
const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_stage_ends_its_task_as_internal_and_frees_its_slot() {
    let engine = Arc::new(ScriptedEngine::default());
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let change = |settings: &mut fastbuild::settings::Settings| settings.build.max_concurrent = 1;
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    let receiver = Receiver::start().await;
    let base = lab::base("scripted:1");
    let push = Expected { state: "PUSH_FAILED", cause: "INTERNAL", stage: "push", message: WORDS };
    for (call, expected) in [("build", SERVICE_PANICS.expected(WORDS)), ("push", push)] {
        engine.panic_in(Some(call));
        let target = lab::unique_name("panic");
        let request = plain(&base, &target, &receiver.url).ssh("canary-panic-7!q").jupyter("canary-panic-7!q").build();
        fails(&service, &receiver, &request, &expected).await;
        // The only slot is free again, and so is the name.
        engine.panic_in(None);
        service.build(&request, LIMIT).await;
    }
    let seen = engine.seen();
    assert!(seen.iter().any(|text| text.contains("Account")) && seen.iter().any(|text| text.contains("BuildOrder")));
    for text in seen {
        for secret in ["canary-panic-7!q", "~~~???>>>"] {
            assert!(!text.contains(secret), "what a panic prints holds a password: {text}");
        }
    }
    service.stop().await;
}
