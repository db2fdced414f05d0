//! A closed service asks every caller, lets each do what its role says, and nothing more.

use fastbuild::access::Role;
use fastbuild::clock::Moment;
use fastbuild::store::NewAccessToken;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;

use super::house::{House, bearer, envelope};

/// What a closed service tells anybody.
const OPEN: [&str; 3] = ["/healthz", "/readyz", "/hello/welcome"];
/// What a token with the role `submit` may do and one with `read` may not.
const SUBMIT: [(&str, &str); 9] = [
    ("POST", "/task/build-image"),
    ("POST", "/task/preview-dockerfile"),
    ("POST", "/task/rebuild-task"),
    ("POST", "/task/cancel-task"),
    ("POST", "/task/pull-image"),
    ("POST", "/task/check-image"),
    ("DELETE", "/task/delete-task-by-task-id"),
    ("DELETE", "/task/delete-image-by-task-id"),
    ("DELETE", "/image/delete-image-by-image-name"),
];
/// What only administrators may do.
const ADMINISTER: [(&str, &str); 18] = [
    ("GET", "/check-result/all-check-result"),
    ("DELETE", "/check-result/delete-all-check-result"),
    ("GET", "/image-life/all"),
    ("GET", "/config/current"),
    ("GET", "/config/history"),
    ("GET", "/host/latest"),
    ("GET", "/host/all"),
    ("POST", "/file/upload"),
    ("DELETE", "/file/delete"),
    ("POST", "/image/add-base-image"),
    ("POST", "/system/auto_clean_image"),
    ("POST", "/system/retention"),
    ("POST", "/config/config-fastbuild"),
    ("POST", "/config/update-docker-server"),
    ("POST", "/config/update-harbor"),
    ("POST", "/host/update-host"),
    ("POST", "/callback/update-headers"),
    ("POST", "/callback/test-callback"),
];

/// Every route of the document: method and a path that can be asked.
fn routes() -> Vec<(Method, String)> {
    let document = serde_json::to_value(fastbuild::api::openapi_document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let routes = paths.iter().flat_map(|(path, item)| {
        let path = path.replace("{work_dir_name}", "2026-01-01").replace("{file_name}", "build.log");
        let has = |method: &Method| item.get(method.as_str().to_lowercase()).is_some();
        methods
            .iter()
            .filter(move |method| has(method))
            .map(move |method| (method.clone(), path.clone()))
            .collect::<Vec<_>>()
    });
    routes.collect()
}

#[tokio::test]
async fn no_route_answers_without_a_token() {
    let house = House::closed().await;
    let routes = routes();
    assert!(routes.len() > 50, "{routes:?}");
    for (method, path) in routes {
        let mut answers = vec![house.request(method.clone(), &path).send().await.unwrap()];
        if !OPEN.contains(&path.as_str()) {
            let wrong = house.request(method.clone(), &path).header(AUTHORIZATION, "Bearer fbt_wrong");
            answers.push(wrong.send().await.unwrap());
        }
        for answer in answers {
            if OPEN.contains(&path.as_str()) {
                assert_eq!(answer.status(), 200, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status(), 401, "{method} {path}");
            assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"), "{method} {path}");
            let body = envelope(answer).await;
            assert!(
                body["data"].is_null() && body["msg"].as_str().unwrap().contains("令牌"),
                "{method} {path}: {body}"
            );
        }
    }
    for path in [
        "/",
        "/docs/",
        "/docs/swagger-ui.css",
        "/openapi.json",
        "/metrics",
        "/console/new",
        "/console/tokens",
        "/nowhere",
        "/task/x",
        "/api/fast-build/task/list-task/",
    ] {
        let answer = house.request(Method::GET, path).header("Accept-Language", "en").send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        assert!(envelope(answer).await["msg"].as_str().unwrap().contains("Authorization: Bearer"), "{path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn each_role_may_what_it_says_and_no_more() {
    let house = House::closed().await;
    let (read, submit, root) =
        (house.token("r", Role::Read).await, house.token("s", Role::Submit).await, house.root().await);
    let is_in = |list: &[(&str, &str)], method: &Method, path: &str| {
        list.iter()
            .any(|(named, route)| *named == method.as_str() && path.strip_prefix("/api/fast-build") == Some(route))
    };
    for (method, path) in routes() {
        let needs_root = is_in(&ADMINISTER, &method, &path);
        let needs_submit = is_in(&SUBMIT, &method, &path);
        for (token, is_refused) in [(&read, needs_submit || needs_root), (&submit, needs_root), (&root, false)] {
            let request = house.request(method.clone(), &path).header(AUTHORIZATION, bearer(token));
            let status = request.send().await.unwrap().status().as_u16();
            assert_eq!(status == 403, is_refused, "{method} {path} answered {status}");
            assert_ne!(status, 401, "{method} {path}");
        }
    }
    let refused = house.request(Method::POST, "/api/fast-build/task/build-image").header(AUTHORIZATION, bearer(&read));
    let body = envelope(refused.header("Accept-Language", "en").send().await.unwrap()).await;
    assert!(body["msg"].as_str().unwrap().contains("role 'submit'"), "{body}");
    house.stop().await;
}

#[tokio::test]
async fn old_clients_may_send_the_token_in_a_header_of_their_own() {
    let house = House::start_with(|settings| {
        settings.access.mode = fastbuild::settings::AccessMode::Token;
        settings.access.header = "X-Token".to_owned();
    })
    .await;
    let token = house.token("old", Role::Read).await;
    let path = "/api/fast-build/task/list-task?page=1&page_size=1";
    for (name, value, status) in [
        ("X-Token", token.clone(), 200),
        ("X-Token", "wrong".to_owned(), 401),
        ("X-Other", token.clone(), 401),
        ("Authorization", bearer(&token), 200),
        ("Authorization", format!("bearer {token}"), 200),
        ("Authorization", format!("Basic {token}"), 401),
    ] {
        let answer = house.request(Method::GET, path).header(name, value).send().await.unwrap();
        assert_eq!(answer.status(), status, "{name}");
    }
    for query in [format!("&token={token}"), format!("&access_token={token}")] {
        let answer = house.request(Method::GET, &format!("{path}{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 401, "an address is no place for a token");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_expired_or_revoked_token_opens_nothing() {
    let house = House::closed().await;
    let store = &house.state.store;
    let hash = fastbuild::secret::token_hash(&"fbt_expired".into());
    let expired = NewAccessToken {
        name: "e".to_owned(),
        user_name: "e".to_owned(),
        role: "administer",
        token_hash: hash,
        expire_time: Some(Moment(1_000)),
    };
    store.insert_access_token(&expired, house.state.clock.now()).await.unwrap();
    assert_eq!(house.status("fbt_expired", "/task/list-task?page=1&page_size=1").await, 401);
    let token = house.token("t", Role::Read).await;
    assert_eq!(house.status(&token, "/task/list-task?page=1&page_size=1").await, 200);
    fastbuild::access::revoke_token(store, house.state.clock.as_ref(), "t").await.unwrap();
    assert_eq!(house.status(&token, "/task/list-task?page=1&page_size=1").await, 401);
    let again = fastbuild::access::revoke_token(store, house.state.clock.as_ref(), "t").await;
    assert!(again.unwrap_err().to_string().contains("no token 't'"));
    let _ = house.token("t", Role::Read).await;
    // No row holds a token's text.
    let rows = format!("{:?}", store.access_tokens().await.unwrap());
    assert!(!rows.contains(&token[4..]), "{rows}");
    house.stop().await;
}

#[tokio::test]
async fn uses_are_noted() {
    let house = House::closed().await;
    let token = house.token("t", Role::Read).await;
    assert_eq!(house.status(&token, "/progress/status").await, 200);
    let state = house.state.clone();
    crate::support::wait_for("the use", std::time::Duration::from_secs(30), || async {
        state.store.access_tokens().await.unwrap()[0].last_use_time
    })
    .await;
    house.stop().await;
}

#[tokio::test]
async fn tokens_are_in_no_answer_and_no_document() {
    let house = House::closed().await;
    let token = house.root().await;
    let answer =
        house.request(Method::GET, "/openapi.json").header(AUTHORIZATION, bearer(&token)).send().await.unwrap();
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert!(!document.to_string().contains(&token));
    house.stop().await;
}
