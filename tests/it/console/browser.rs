//! The console in a real browser against the real service: a build from the form to the registry, errors beside their
//! fields, the log, and the keyboard.

use std::time::Duration;

use serde_json::json;

use super::site::furnished;
use crate::lab;
use crate::support::proxy::{FaultProxy, Mode, Upstream};
use crate::support::{Browser, DESKTOP, Look, Receiver, RequestShape, TestService, docker};

const SHORT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_person_builds_an_image_from_the_form() {
    let service = TestService::configured().await;
    let browser = Browser::open(DESKTOP).await;
    let target = lab::unique_name("by-hand");
    browser.go(&format!("{}/console/new", service.url)).await;
    browser.fill("#base-image", &lab::base("debian:12").to_string()).await;
    browser.click("#inspect").await;
    let found = browser.until("the inspection", LONG, "document.querySelector('.findings')?.innerText").await;
    assert!(found.as_str().unwrap().contains("Debian"), "{found}");
    browser.click("#submit").await;
    assert_eq!(browser.text("#target-error").await, "Please fill this in.");
    browser.fill("#target", &target.to_string()).await;
    browser.fill("#os-packages", "tree\n\n# a comment\n").await;
    browser.fill("#pip-packages", "--index-url http://mirror.example\n").await;
    let problem = browser.until("the refusal", SHORT, "document.querySelector('#pip-error').textContent").await;
    assert!(problem.as_str().unwrap().starts_with("Line 1:"), "{problem}");
    browser.fill("#pip-packages", "").await;
    browser.fill("#ssh-password", "Teaching-2026").await;
    let shown = "document.querySelector('#preview-dockerfile').textContent.includes('tree') \
                 && document.querySelector('#preview-dockerfile').textContent";
    let dockerfile = browser.until("the preview", SHORT, shown).await;
    assert!(dockerfile.as_str().unwrap().contains("FROM"), "{dockerfile}");
    assert!(!dockerfile.as_str().unwrap().contains("Teaching-2026"));
    browser.picture("build-filled-en").await;
    browser.click("#submit").await;
    browser.until("the task's page", SHORT, "document.querySelector('#summary') !== null").await;
    browser.until("the end", LONG, "document.querySelector('#summary').dataset.ended === 'true'").await;
    assert_eq!(browser.text("#summary .badge").await, "Succeeded");
    browser.until("the log", SHORT, "document.querySelectorAll('#log .line').length > 5").await;
    browser.until("the steps", SHORT, "document.querySelectorAll('#steps-list li').length > 1").await;
    let marks = "[...document.querySelectorAll('.stages li')].map(li => li.className).join()";
    assert_eq!(browser.run(&format!("return {marks}")).await, "done,done,done,done,done");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    service.stop().await;
    docker(&["rmi", &target.to_string()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_service_stand_beside_their_fields() {
    let service = TestService::configured().await;
    let browser = Browser::open(DESKTOP).await;
    browser.go(&format!("{}/console/new", service.url)).await;
    browser.fill("#base-image", &lab::base("debian:12").to_string()).await;
    browser.fill("#target", "Not A Name!").await;
    browser.fill("#os-packages", "curl\n\n-tree").await;
    browser.fill("#pip-packages", "numpy==1.26.4\nrequests=>2").await;
    browser.click("#submit").await;
    let words = browser.until("a line of ours", SHORT, "document.querySelector('#os-error').textContent").await;
    assert!(words.as_str().unwrap().starts_with("Line 3: options such as “-tree”"), "{words}");
    browser.fill("#os-packages", "curl\n\ntree;").await;
    browser.click("#submit").await;
    let words = browser.until("the target's", SHORT, "document.querySelector('#target-error').textContent").await;
    assert!(words.as_str().unwrap().starts_with("\"Not A Name!\" must be an image name"), "{words}");
    assert!(!words.as_str().unwrap().contains("dockerfile_json"), "{words}");
    assert!(browser.text("#os-error").await.starts_with("Line 3: \"tree;\""), "{}", browser.text("#os-error").await);
    assert!(browser.text("#pip-error").await.starts_with("Line 2: "), "{}", browser.text("#pip-error").await);
    assert_eq!(browser.run("return document.activeElement.id").await, "target");
    assert!(browser.run("return location.pathname").await == "/console/new");
    browser.picture("build-refused-en").await;
    browser.close().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_searched_filtered_and_a_task_deleted() {
    let site = furnished().await;
    let browser = Browser::open(DESKTOP).await;
    browser.go(&format!("{}/console/tasks/{}", site.service.url, site.failed)).await;
    browser.until("the log", SHORT, "document.querySelectorAll('#log .line').length > 3").await;
    assert!(browser.text("#failure").await.contains("PACKAGE_NOT_FOUND"), "{}", browser.text("#failure").await);
    browser.fill("#log-search", "no-such-package").await;
    browser.until("matches", SHORT, "document.querySelectorAll('#log mark').length > 0").await;
    assert!(browser.text("#log-matches").await.starts_with("1 of "), "{}", browser.text("#log-matches").await);
    browser.fill("#log-search", "surely nowhere in it").await;
    browser.until("no match", SHORT, "document.querySelector('#log-matches').textContent === 'No match'").await;
    browser
        .run("const s = document.querySelector('#log-stage'); s.value = 'pull'; s.dispatchEvent(new Event('change'))")
        .await;
    let visible = "return [...document.querySelectorAll('#log .line')].filter(line => line.offsetHeight > 0 || line.checkVisibility()).every(line => line.dataset.stage === 'pull')";
    assert_eq!(browser.run(visible).await, json!(true));
    let file = browser.run("return document.querySelector('#log-files a').getAttribute('href')").await;
    assert!(!site.service.text(file.as_str().unwrap()).await.is_empty());
    browser.click("[data-action=delete]").await;
    browser.until("the question", SHORT, "document.querySelector('dialog').open").await;
    assert_eq!(browser.run("return document.activeElement.id").await, "confirmation-no");
    browser.click("#confirmation-no").await;
    browser.click("[data-action=delete]").await;
    browser.click("#confirmation-yes").await;
    browser.until("the list", SHORT, "location.pathname === '/' && document.querySelector('#task-list')").await;
    let gone = format!("return document.querySelector('[data-task=\"{}\"]') === null", site.failed);
    assert_eq!(browser.run(&gone).await, json!(true));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    site.stop().await;
}

#[tokio::test]
async fn packages_are_read_as_people_paste_them() {
    let service = TestService::start().await;
    let browser = Browser::open(DESKTOP).await;
    browser.go(&format!("{}/console/new", service.url)).await;
    for (tool, text, expected) in [
        (
            "pip",
            "numpy==1.26.4\nrequests[socks] >= 2 # why\n\n# alone",
            json!([["numpy", "1.26.4", 1], ["requests[socks] >= 2", "", 2]]),
        ),
        ("pip", "torch==2.1.0; python_version < '3.12'", json!([["torch; python_version < '3.12'", "2.1.0", 1]])),
        ("pip", "a==1 \\\n --hash=sha256:00 \\\n --hash=sha256:11\nb", json!([["a", "1", 1], ["b", "", 4]])),
        (
            "os",
            "curl git\nlibssl3=3.0.15-1\nvim==2:9.0",
            json!([["curl", "", 1], ["git", "", 1], ["libssl3", "3.0.15-1", 2], ["vim", "2:9.0", 3]]),
        ),
        (
            "conda",
            "- scipy=1.11\nconda-forge::ffmpeg\nnumpy>=1.20,<2",
            json!([["scipy", "1.11", 1], ["conda-forge::ffmpeg", "", 2], ["numpy>=1.20,<2", "", 3]]),
        ),
        ("pip", "\r\n", json!([])),
        ("pip", "-r other.txt", json!("Line 1: options such as “-r” are not taken here; choose a mirror above")),
        (
            "pip",
            "ok\npkg @ https://example.com/x.whl",
            json!("Line 2: “pkg @ https://example.com/x.whl” is a path or URL; only package names are taken"),
        ),
    ] {
        let script = format!(
            "return import('/console/static/packages.js').then(({{ readPackages }}) => {{ try {{ \
             const {{ software, lines }} = readPackages({}, {tool:?}); \
             return software.map(({{ name, version }}, index) => [name, version, lines[index]]); \
             }} catch (error) {{ return error.message; }} }})",
            serde_json::Value::from(text)
        );
        assert_eq!(browser.run(&script).await, expected, "{tool}: {text}");
    }
    browser.close().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_build_is_cancelled_and_rebuilt_from_its_page() {
    let service = TestService::configured_with(|settings| {
        settings.build.max_concurrent = 1;
        settings.build.transient_retries = 0;
    })
    .await;
    let receiver = Receiver::start().await;
    let base = lab::base("debian:12");
    let targets = [lab::unique_name("slow"), lab::unique_name("cancelled")];
    // The only worker waits for a registry that says nothing, for as long as the test wants it to.
    let silent = FaultProxy::start(Upstream::Tcp(lab::registry().to_string().parse().unwrap())).await;
    silent.set(Mode::Hang);
    let absent = format!("{}/base/nothing:1", silent.address).parse().unwrap();
    let first = service.submit(&RequestShape::console(&absent, &targets[0], "").build()).await;
    crate::support::wait_for("the worker to be busy", LONG, || async {
        let running = service.get("/task/running-tasks").await.1;
        (running["data"].as_array()?.len() == 1).then_some(())
    })
    .await;
    let request = RequestShape::console(&base, &targets[1], &receiver.url).build();
    let waiting = service.submit(&request).await;
    let browser = Browser::open(DESKTOP).await;
    browser.go(&format!("{}/console/tasks/{waiting}", service.url)).await;
    browser.picture("task-queued-en").await;
    browser.click("[data-action=cancel]").await;
    browser.click("#confirmation-yes").await;
    browser.until("the end, live", SHORT, "document.querySelector('#summary').dataset.state === 'BUILD_ABORT'").await;
    assert!(browser.text("#failure").await.contains("CANCELLED"), "{}", browser.text("#failure").await);
    browser
        .until("it is said aloud", SHORT, "document.querySelector('#announcements').textContent === 'Aborted'")
        .await;
    browser.picture("task-cancelled-en").await;
    browser.click("[data-action=rebuild]").await;
    browser.click("#confirmation-yes").await;
    browser.until("another page", SHORT, &format!("!location.pathname.endsWith('{waiting}')")).await;
    browser.go(&service.url).await;
    browser.picture("tasks-moving-en").await;
    silent.set(Mode::Cut);
    browser
        .until("the end, in the list", LONG, "document.querySelector('[data-task] [data-state=PUSH_SUCCESS]')")
        .await;
    service.end_of(first, LONG).await;
    browser.until("a calm list", LONG, "document.querySelector('#task-list[data-moving]') === null").await;
    browser.close().await;
    service.stop().await;
    for target in targets {
        docker(&["rmi", &target.to_string()]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_offered_and_deleted_and_callbacks_sent_again() {
    let site = furnished().await;
    let browser = Browser::open(DESKTOP).await;
    browser.go(&format!("{}/console/images", site.service.url)).await;
    browser.fill("#add-name", &lab::base("entrypoint:1").to_string()).await;
    browser.click("#add-base button").await;
    browser
        .until("the offered base", SHORT, "document.querySelector('#image-list').textContent.includes('entrypoint:1')")
        .await;
    browser.fill("#add-name", "No Image").await;
    browser.click("#add-base button").await;
    browser.until("the refusal", SHORT, "document.querySelector('#add-error').textContent").await;
    let own = format!("[data-delete-image=\"{}\"]", site.image);
    browser.click(&own).await;
    browser.until("the question", SHORT, "document.querySelector('dialog').open").await;
    browser.picture("image-question-en").await;
    browser.click("#confirmation-option input").await;
    browser.click("#confirmation-yes").await;
    browser.until("the shorter list", SHORT, &format!("document.querySelector({own:?}) === null")).await;
    browser.go(&format!("{}/console/callbacks", site.service.url)).await;
    browser.click("[data-resend]").await;
    let words = browser.until("the answer", SHORT, "document.querySelector('#result.good')?.textContent").await;
    assert!(words.as_str().unwrap().starts_with("HTTP 200"), "{words}");
    browser.until("two attempts", SHORT, "document.querySelectorAll('#attempts tbody tr').length === 2").await;
    browser.click("#test").await;
    browser.until("three attempts", SHORT, "document.querySelectorAll('#attempts tbody tr').length === 3").await;
    browser.until("the answer", SHORT, "document.querySelector('#result.good')?.textContent === 'HTTP 200'").await;
    let counted = "document.querySelector('#deliveries td.number').textContent === '3'";
    browser.until("all three are counted", SHORT, counted).await;
    browser.picture("callbacks-resent-en").await;
    browser.close().await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_saved_tested_and_rolled_back_by_hand() {
    use secrecy::ExposeSecret;
    let service = TestService::start().await;
    let browser = Browser::open(DESKTOP).await;
    let account = lab::account();
    browser.go(&format!("{}/console/configuration", service.url)).await;
    browser.fill("#docker-host", &format!("unix://{}", lab::docker_socket().display())).await;
    browser.fill("#registry", &account.registry.to_string()).await;
    browser.fill("#username", &account.username).await;
    browser.fill("#host", "not a host").await;
    browser.click("#configure button.primary").await;
    assert_eq!(browser.text("#password-error").await, "Please fill this in.");
    browser.fill("#password", "wrong").await;
    browser.click("#configure button.primary").await;
    let wrong = "document.querySelector('#host-error:not([hidden])')?.textContent";
    browser.until("the refused host", SHORT, wrong).await;
    browser.fill("#host", "127.0.0.1").await;
    browser.click("#configure button.primary").await;
    let refused = "document.querySelector('#form-error:not([hidden]) p')?.textContent";
    let words = browser.until("the refused login", SHORT, refused).await;
    assert!(words.as_str().unwrap().contains("nauthorized"), "{words}");
    browser.fill("#password", account.password.expose_secret()).await;
    browser.click("#configure button.primary").await;
    browser.until("the stored rows", SHORT, "document.querySelectorAll('#current .value').length === 3").await;
    for part in ["docker_server", "harbor"] {
        browser.click(&format!("[data-test={part}]")).await;
    }
    browser.until("both tests", SHORT, "document.querySelectorAll('.test-result.good').length === 2").await;
    assert_eq!(browser.run("return document.querySelector('#password').value").await, "");
    browser.close().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_reaches_everything() {
    let service = TestService::start().await;
    let browser = Browser::open(Look { language: "zh-CN", ..DESKTOP }).await;
    browser.go(&service.url).await;
    assert_eq!(browser.run("return document.documentElement.lang").await, "zh-CN");
    let mut reached = Vec::new();
    for _ in 0..16 {
        browser.press("\u{e004}").await;
        let name = "const at = document.activeElement; return at.getAttribute('href') ?? at.getAttribute('name') ?? at.tagName";
        reached.push(browser.run(name).await.as_str().unwrap().to_owned());
    }
    let wanted = ["#content", "/", "/console/new", "/console/images", "/console/configuration", "/console/callbacks"];
    for wanted in wanted.into_iter().chain(["language", "image_name", "state"]) {
        assert!(reached.iter().any(|name| name == wanted), "{wanted} is not reached: {reached:?}");
    }
    let unnamed = "return [...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')].filter(field => \
        !(field.labels?.length || field.getAttribute('aria-label') || field.textContent.trim())).map(field => field.outerHTML)";
    for path in ["/", "/console/new", "/console/images", "/console/configuration", "/console/callbacks"] {
        browser.go(&format!("{}{path}", service.url)).await;
        let unnamed = browser.run(unnamed).await;
        assert_eq!(
            unnamed,
            json!([
                "<button value=\"no\" class=\"button\" id=\"confirmation-no\"></button>",
                "<button value=\"yes\" class=\"button danger\" id=\"confirmation-yes\"></button>"
            ]),
            "{path}"
        );
        assert_eq!(browser.run("return document.querySelectorAll('h1').length").await, 1, "{path}");
        assert_eq!(browser.run("return document.querySelectorAll('main, nav[aria-label]').length >= 2").await, true);
    }
    browser.click(".languages button[lang=en]").await;
    browser.until("English", SHORT, "document.documentElement.lang === 'en'").await;
    assert_eq!(browser.run("return location.pathname").await, "/console/callbacks");
    browser.close().await;
    service.stop().await;
}
