//! A build is a guest of the daemon: no privileges, no socket, its own network unless the settings say otherwise.

use fastbuild::engine::{Builder, ContextContent};

use crate::lab::{self, Events, base, engine, have, order, unique_name};

const LOOK: &str = "RUN echo caps $(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status); \\\n\
    echo nets $(ls /sys/class/net | sort | tr '\\n' ' '); \\\n\
    for f in /var/run/docker.sock /run/docker.sock /dev/kmsg /dev/mem /dev/sda /dev/vda; do test ! -e $f || echo found $f; done; \\\n\
    mount -t tmpfs none /mnt 2>/dev/null && echo mounted; echo looked";

async fn look(builder: Builder, network: Option<&str>) -> Vec<String> {
    let engine = engine().await;
    let base = base("debian:12");
    have(&*engine, &base).await;
    let target = unique_name("guest");
    // A step of its own for each look: none comes from the cache.
    let dockerfile = format!("FROM {base}\nENV LOOK={}\n{LOOK}\n", target.tag_or_latest());
    let mut order = order(builder, &dockerfile, &[&target]);
    order.network = network.map(str::to_owned);
    assert!(matches!(order.context[0].content, ContextContent::Bytes(_)));
    let events = Events::default();
    engine.build(&order, &events).await.expect("build");
    crate::support::forget(&target).await;
    let lines = events.lines();
    assert!(lines.iter().any(|line| line.trim() == "looked"), "{lines:?}");
    lines
}

fn field(lines: &[String], name: &str) -> String {
    let line = lines.iter().find_map(|line| line.trim().strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name}: {lines:?}")).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_step_has_no_privileges_no_socket_and_the_network_of_the_settings() {
    let mut host: Vec<String> = std::fs::read_dir("/sys/class/net")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    host.sort();
    for builder in [Builder::BuildKit, Builder::Classic] {
        let lines = look(builder, None).await;
        let capabilities = u64::from_str_radix(&field(&lines, "caps "), 16).unwrap();
        // Docker's default set: no SYS_ADMIN (21), SYS_MODULE (16), SYS_RAWIO (17), SYS_PTRACE (19), NET_ADMIN (12).
        for number in [12, 16, 17, 19, 21] {
            assert_eq!(capabilities >> number & 1, 0, "{builder:?} has capability {number}: {capabilities:x}");
        }
        assert!(!lines.iter().any(|line| line.contains("found ") || line.contains("mounted")), "{lines:?}");
        let networks = field(&lines, "nets ");
        assert!(!networks.contains("docker0"), "{builder:?} has the host's network: {networks}");
        assert!(host.iter().any(|name| name == "docker0"), "the test cannot tell: {host:?}");
        let lines = look(builder, Some("none")).await;
        assert_eq!(field(&lines, "nets "), "lo", "{builder:?}");
        let lines = look(builder, Some("host")).await;
        assert!(field(&lines, "nets ").contains("docker0"), "{builder:?} {lines:?}");
    }
}

/// A base outside our Harbor has package caches of its own, which what runs in its builds cannot share with others.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_base_has_caches_of_its_own() {
    use crate::support::{RequestShape, TestService, docker_text};
    let engine = engine().await;
    let ours = base("debian:12");
    have(&*engine, &ours).await;
    let foreign = "registry.foreign.invalid/base/debian:12";
    docker_text(&["tag", &ours.to_string(), foreign]).await;
    let ids = |dockerfile: &str| -> std::collections::BTreeSet<String> {
        let words = dockerfile.split([',', ' ']);
        words.filter_map(|word| word.strip_prefix("id=fastbuild-")).map(str::to_owned).collect()
    };
    let mut seen = Vec::new();
    for trusted in [vec![], vec!["registry.foreign.invalid".to_owned()]] {
        let service = TestService::configured_with(|settings| settings.build.trusted_registries = trusted).await;
        for name in [ours.clone(), foreign.parse().unwrap()] {
            let request =
                RequestShape::platform(&name, &unique_name("guest"), "").os_packages("apt", &["tree"]).build();
            let (_, answer) = service.post("/task/preview-dockerfile", &request).await;
            let found = ids(answer["data"]["dockerfile"].as_str().unwrap_or_default());
            assert!(!found.is_empty(), "{answer:#}");
            seen.push(found);
        }
        service.stop().await;
    }
    // A name of ours does not make it trusted.
    let service = TestService::configured().await;
    let (laundered, target) = (unique_name("guest"), unique_name("guest"));
    let request = RequestShape::platform(&foreign.parse().unwrap(), &laundered, "").os_packages("apt", &["tree"]);
    service.build(&request.build(), std::time::Duration::from_mins(5)).await;
    let request = RequestShape::platform(&laundered, &target, "").os_packages("apt", &["bc"]);
    let (_, answer) = service.post("/task/preview-dockerfile", &request.build()).await;
    let laundered_ids = ids(answer["data"]["dockerfile"].as_str().unwrap_or_default());
    assert!(!laundered_ids.is_empty() && laundered_ids.is_disjoint(&seen[0]), "{laundered_ids:?} {:?}", seen[0]);
    docker_text(&["rmi", &laundered.to_string()]).await;
    service.stop().await;

    let [ours, foreign, ours_again, trusted] = seen.try_into().expect("four");
    assert!(ours.is_disjoint(&foreign), "{ours:?} {foreign:?}");
    assert_eq!(ours, ours_again);
    assert_eq!(ours, trusted, "a trusted registry shares the caches");
    lab::engine().await.remove_image("registry.foreign.invalid/base/debian:12").await.expect("its name goes");
}
