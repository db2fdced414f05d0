//! Clients that are slow, silent, greedy or deaf cost one socket for a short time and nobody else anything.

use std::time::{Duration, Instant};

use super::house::{House, Raw};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let house = House::start_with(|settings| settings.limits.header_seconds = 1).await;
    let (mut slow, mut silent, mut late) =
        (Raw::connect(house.address).await, Raw::connect(house.address).await, Raw::connect(house.address).await);
    slow.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await;
    // The second head of a connection has the same limit as the first.
    late.write(HEALTH).await;
    assert!(late.read_until("\"ok\"}").await.starts_with("HTTP/1.1 200"));
    late.write("GET /hea").await;
    let start = Instant::now();
    let dripping = async {
        // A byte now and then prolongs nothing.
        while start.elapsed() < Duration::from_secs(20) && slow.0.try_write(b"x").is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let closing = async { (silent.read_all().await, late.read_all().await) };
    let ((), (silent, late)) = tokio::join!(dripping, closing);
    assert_eq!((silent.as_str(), late.as_str()), ("", ""), "closed without an answer");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    house.stop().await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_stream_is_not() {
    let house = House::start_with(|settings| {
        settings.limits.header_seconds = 1;
        settings.limits.idle_connection_seconds = 1;
    })
    .await;
    let task = house.add_task("h/a:1", "").await;
    let mut stream = Raw::connect(house.address).await;
    let path = format!("/api/fast-build/task/events?task_id={}", task.task_id);
    stream.write(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
    assert!(stream.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    let mut idle = Raw::connect(house.address).await;
    idle.write(HEALTH).await;
    idle.read_until("\"ok\"}").await;
    assert_eq!(idle.read_all().await, "", "closed once it lay idle");
    tokio::time::sleep(Duration::from_secs(3)).await;
    // What comes meanwhile, such as a heartbeat, does not matter; an end would be no bytes at all.
    let seen = stream.0.try_read(&mut [0; 64]);
    assert!(!matches!(seen, Ok(0)), "the stream was cut: {seen:?}");
    house.stop().await;
    assert!(stream.read_all().await.contains('0'), "a stop ends the stream properly");
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused_in_words() {
    let house = House::start_with(|settings| settings.limits.header_bytes = 20_000).await;
    let many = (0..120).map(|number| format!("X-{number}: y\r\n")).collect::<Vec<_>>().concat();
    let long = format!("X-Long: {}\r\n", "y".repeat(25_000));
    for (path, headers) in [("/api/fast-build/host/all", many.clone()), ("/console/images", long)] {
        let mut raw = Raw::connect(house.address).await;
        let language = "Accept-Language: en\r\nConnection: close\r\n";
        raw.write(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{language}{headers}\r\n")).await;
        let answer = raw.read_all().await;
        assert!(answer.starts_with("HTTP/1.1 431") && answer.contains("at most 100 headers"), "{answer}");
        assert!(answer.contains(r#""code":-1"#), "{answer}");
    }
    // Far beyond the limit the parser itself refuses, before anything is kept.
    let mut raw = Raw::connect(house.address).await;
    raw.write(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", many.repeat(20))).await;
    assert!(raw.read_all().await.starts_with("HTTP/1.1 431"));
    house.stop().await;
}

#[tokio::test]
async fn a_body_that_stops_is_refused_in_words() {
    let house = House::start_with(|settings| settings.limits.body_seconds = 1).await;
    for (path, kind) in [
        ("/task/preview-dockerfile", "application/json"),
        ("/host/update-host", "application/x-www-form-urlencoded"),
        ("/file/upload?file_type=pip", "multipart/form-data; boundary=x"),
    ] {
        let mut raw = Raw::connect(house.address).await;
        let head = format!("POST /api/fast-build{path} HTTP/1.1\r\nHost: localhost\r\nAccept-Language: en\r\n");
        raw.write(&format!("{head}Content-Type: {kind}\r\nContent-Length: 1000\r\n\r\n--x\r\n")).await;
        let answer = raw.read_all().await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("came too slowly"), "{path}: {answer}");
    }
    house.stop().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_does_no_harm() {
    let house = House::start_with(|_| {}).await;
    for body in [
        "Content-Length: 1000\r\n\r\n{\"a\":",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"",
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ] {
        let mut raw = Raw::connect(house.address).await;
        raw.write(&format!("POST /api/fast-build/task/build-image HTTP/1.1\r\nHost: localhost\r\n{body}")).await;
        tokio::io::AsyncWriteExt::shutdown(&mut raw.0).await.unwrap();
        let answer = raw.read_all().await;
        assert!(!answer.contains("HTTP/1.1 5"), "{answer}");
    }
    assert!(house.request(reqwest::Method::GET, "/healthz").send().await.unwrap().status().is_success());
    house.stop().await;
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_their_turn() {
    let house = House::start_with(|settings| settings.limits.connections = 2).await;
    let (first, _second) = (Raw::connect(house.address).await, Raw::connect(house.address).await);
    let mut third = Raw::connect(house.address).await;
    third.write(HEALTH).await;
    let early = tokio::time::timeout(Duration::from_millis(500), third.read_until("\"ok\"}")).await;
    assert!(early.is_err(), "the third is not served beside the two: {early:?}");
    drop(first);
    assert!(third.read_until("\"ok\"}").await.starts_with("HTTP/1.1 200"));
    house.stop().await;
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let house = House::start_with(|settings| settings.limits.idle_connection_seconds = 1).await;
    let task = house.add_task("h/deaf:1", "").await;
    let directory = house.state.settings.fb.task_dir.join(&task.work_dir_name);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("build.log"), vec![b'x'; 64 << 20]).unwrap();
    let mut deaf = Raw::connect(house.address).await;
    deaf.write(&format!("GET /task/{}/build.log HTTP/1.1\r\nHost: localhost\r\n\r\n", task.work_dir_name)).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let text = deaf.read_all().await;
    assert!(text.len() < 60 << 20, "{} bytes came although nobody took them for so long", text.len());
    house.stop().await;
}
