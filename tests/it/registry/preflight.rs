//! Preflight at a Harbor: each trouble has its cause, and what is not told stops nobody.

use axum::http::Method;
use fastbuild::cause::Cause;
use fastbuild::registry::{PreflightChecks, PreflightReport, RegistryClient};
use serde_json::json;

use crate::support::harbor::{Fault, Harbor, Login, PASSWORD, Project};

fn checked(report: PreflightReport) -> PreflightChecks {
    match report {
        PreflightReport::Checked(checks) => checks,
        PreflightReport::Unavailable { reason, .. } => panic!("unavailable: {reason}"),
    }
}

fn causes(checks: &PreflightChecks) -> Vec<Cause> {
    checks.findings.iter().map(|finding| finding.cause).collect()
}

#[tokio::test]
async fn troubles_have_their_causes() {
    type Change = fn(&mut Project);
    let immutable = |team: &mut Project| team.immutable = Some(("a/b".to_owned(), "1".to_owned()));
    let rules_alone = |team: &mut Project| {
        team.immutable = Some(("a/b".to_owned(), "1".to_owned()));
        team.tells_tags = false;
    };
    let rows: [(&str, Change, &[Cause]); 9] = [
        ("nothing", |_| {}, &[]),
        ("no push", |team| team.may_push = false, &[Cause::RegistryAuth]),
        ("no pull", |team| team.may_pull = false, &[Cause::RegistryAuth]),
        ("full", |team| team.quota = Some((100, 100)), &[Cause::QuotaExceeded]),
        ("room", |team| team.quota = Some((100, 40)), &[]),
        ("proxy cache", |team| team.is_proxy_cache = true, &[Cause::RegistryAuth]),
        ("immutable", immutable, &[Cause::TagImmutable]),
        ("immutable by its rules", rules_alone, &[Cause::TagImmutable]),
        ("opaque token", |team| team.opaque_token = true, &[]),
    ];
    for login in [Login::Bearer, Login::Basic] {
        for (name, change, expected) in rows {
            let harbor = Harbor::start().await;
            harbor.contents().login = login;
            harbor.put_image("team/a/b", "1", &[b"one"], &json!({}));
            harbor.project("team", change);
            let checks = checked(harbor.client().preflight(&harbor.reference("team/a/b:1")).await);
            // A Basic registry shows a missing pull only when it is pulled from.
            assert_eq!(causes(&checks), expected, "{name}: {checks:?}");
            assert!(checks.is_harbor);
            assert_eq!(checks.quota_left_bytes.is_some(), ["full", "room"].contains(&name), "{name}");
            assert_eq!(harbor.contents().uploads.len(), 0, "{name} left an upload");
        }
    }
}

#[tokio::test]
async fn a_new_tag_is_free_of_the_rules() {
    let harbor = Harbor::start().await;
    harbor.project("team", |team| team.immutable = Some(("a".to_owned(), "1".to_owned())));
    let checks = checked(harbor.client().preflight(&harbor.reference("team/a:1")).await);
    assert!(checks.findings.is_empty() && checks.existing.is_none(), "{checks:?}");
}

#[tokio::test]
async fn a_project_that_is_not_there() {
    let harbor = Harbor::start().await;
    let client = harbor.client();
    for (target, words) in [("nowhere/a:1", "there is no project nowhere"), ("a:1", "names no project")] {
        let checks = checked(client.preflight(&harbor.reference(target)).await);
        assert!(causes(&checks).iter().all(|cause| *cause == Cause::RegistryAuth), "{checks:?}");
        assert!(checks.findings.iter().any(|finding| finding.message.contains(words)), "{checks:?}");
    }
}

#[tokio::test]
async fn what_is_not_told_is_a_note() {
    let harbor = Harbor::start().await;
    harbor.put_image("team/a", "1", &[b"one"], &json!({}));
    harbor.project("team", |team| {
        team.quota = None;
        team.tells_tags = false;
        team.tells_rules = false;
    });
    harbor.fail(Method::GET, "/projects/team", 1, Fault::Status(403, ""));
    let checks = checked(harbor.client().preflight(&harbor.reference("team/a:1")).await);
    assert!(checks.findings.is_empty(), "{checks:?}");
    assert_eq!(checks.notes.len(), 3, "{checks:?}");

    harbor.fail(Method::GET, "/summary", 1, Fault::Answer("application/json", "[7".into()));
    let checks = checked(harbor.client().preflight(&harbor.reference("team/a:1")).await);
    assert!(checks.findings.is_empty() && checks.notes.len() == 2, "{checks:?}");
}

#[tokio::test]
async fn a_refused_account_is_a_finding_without_its_password() {
    let harbor = Harbor::start().await;
    let mut access = harbor.access();
    access.account.as_mut().unwrap().password = "canary-7Yq".into();
    let report = RegistryClient::new(access).unwrap().preflight(&harbor.reference("team/a:1")).await;
    assert_eq!(report.failure().map(|finding| finding.cause), Some(Cause::RegistryAuth), "{report:?}");
    assert!(!format!("{report:?}").contains("canary"));
}

#[tokio::test]
async fn a_registry_out_of_reach_makes_no_finding() {
    let harbor = Harbor::start().await;
    let (client, target) = (harbor.client(), harbor.reference("team/a:1"));
    harbor.fail(Method::GET, "/v2/", 3, Fault::Status(503, PASSWORD));
    let report = client.preflight(&target).await;
    let PreflightReport::Unavailable { cause, reason } = &report else { panic!("{report:?}") };
    assert_eq!(*cause, Cause::RegistryUnreachable);
    assert!(reason.contains("503") && !reason.contains(PASSWORD) && report.failure().is_none(), "{reason}");
    // It is back.
    assert!(matches!(client.preflight(&target).await, PreflightReport::Checked(_)));
}
