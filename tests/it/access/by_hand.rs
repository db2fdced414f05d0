//! A person with a phone at night: led to the login, in, a token made, out.

use std::time::Duration;

use super::house::House;
use crate::support::{Browser, Look};

const SHORT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn somebody_logs_in_makes_a_token_and_logs_out() {
    let house = House::closed().await;
    let root = house.root().await;
    for (name, look) in [
        ("en-phone-dark", Look { language: "en", width: 390, is_dark: true }),
        ("zh", Look { language: "zh-CN", width: 1280, is_dark: false }),
    ] {
        let browser = Browser::open(look).await;
        browser.go(&format!("{}/console/tokens", house.url)).await;
        browser.until("the login", SHORT, "location.pathname === '/console/login'").await;
        assert_eq!(browser.overflow().await, 0);
        browser.picture(&format!("login-{name}")).await;
        browser.fill("#token", "fbt_wrong").await;
        browser.click("form .button.primary").await;
        browser.until("the refusal", SHORT, "document.querySelector('#login-problem')?.textContent").await;
        browser.fill("#token", &root).await;
        browser.click("form .button.primary").await;
        browser.until("the page that was wanted", SHORT, "location.pathname === '/console/tokens'").await;
        assert_eq!(browser.run("return document.cookie").await, "", "no script reads the session");
        browser.fill("#token-name", name).await;
        browser.click("#create .button.primary").await;
        browser.until("the token", SHORT, "document.querySelector('#made-token').textContent.startsWith('fbt_')").await;
        browser
            .until("its row", SHORT, &format!("document.querySelector('#token-list').textContent.includes('{name}')"))
            .await;
        assert_eq!(browser.overflow().await, 0);
        browser.picture(&format!("tokens-{name}")).await;
        browser.click(&format!("[data-name='{name}']")).await;
        browser.until("the question", SHORT, "document.querySelector('dialog').open").await;
        browser.click("#confirmation-yes").await;
        browser.until("one less", SHORT, &format!("document.querySelector(\"[data-name='{name}']\") === null")).await;
        browser.click(".leaving button").await;
        browser.until("the login again", SHORT, "location.pathname === '/console/login'").await;
        browser.go(&format!("{}/", house.url)).await;
        browser.until("the login once more", SHORT, "location.pathname === '/console/login'").await;
        browser.close().await;
    }
    house.stop().await;
}
