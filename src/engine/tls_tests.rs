//! Certificates at other times than now; what does not depend on time is tried with a real connection.

use std::process::Command;

use jiff::ToSpan;

use super::*;

struct Made(tempfile::TempDir);

impl Made {
    /// A CA and a client certificate, good for ten days from now.
    fn new() -> Self {
        let made = Self(tempfile::tempdir().expect("directory"));
        let steps = [
            "req -x509 -newkey rsa:2048 -nodes -subj /CN=ca -days 20 -keyout ca-key.pem -out ca.pem",
            "req -newkey rsa:2048 -nodes -subj /CN=client -keyout key.pem -out client.csr",
            "x509 -req -in client.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 10 -extfile ext -out cert.pem",
            "x509 -req -in client.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 10 -out v1.pem",
        ];
        std::fs::write(made.0.path().join("ext"), "extendedKeyUsage=clientAuth").expect("extensions");
        for step in steps {
            let output =
                Command::new("openssl").args(step.split(' ')).current_dir(made.0.path()).output().expect("openssl");
            assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
        }
        made
    }

    async fn files(&self, certificate: &str) -> TlsFiles {
        let path = |name: &str| self.0.path().join(name);
        TlsFiles::read(&path("ca.pem"), &path(certificate), &path("key.pem")).await.expect("files")
    }
}

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + (24 * days).hours()
}

#[tokio::test]
async fn dates_are_checked_before_use() {
    let made = Made::new();
    let files = made.files("cert.pem").await;
    files.client_config(in_days(0)).expect("today");
    files.client_config(in_days(9)).expect("next week");
    let fault = files.client_config(in_days(11)).expect_err("expired");
    assert!(matches!(&fault, TlsFault::Expired { path, .. } if path.ends_with("cert.pem")), "{fault}");
    let fault = files.client_config(in_days(21)).expect_err("the CA as well");
    assert!(matches!(&fault, TlsFault::Expired { path, .. } if path.ends_with("ca.pem")), "{fault}");
    let fault = files.client_config(in_days(-1)).expect_err("not yet");
    assert!(matches!(fault, TlsFault::NotYetValid { .. }), "{fault}");
    assert!(fault.to_string().contains("clock"));
}

#[tokio::test]
async fn version_one_is_told_with_the_way_out() {
    let files = Made::new().files("v1.pem").await;
    let fault = files.client_config(Timestamp::now()).expect_err("version 1");
    assert!(matches!(fault, TlsFault::VersionOne(_)), "{fault}");
    assert!(fault.to_string().contains("-extfile"), "{fault}");
}

#[tokio::test]
async fn certificates_are_read_whole_or_not_at_all() {
    let made = Made::new();
    let der = made.files("cert.pem").await.certificate.certificates().expect("chain").remove(0);
    let read = Certificate::read(&der).expect("certificate");
    assert_eq!(read.version, 3);
    assert!(read.not_before <= Timestamp::now() && read.not_after > in_days(9) && read.not_after < in_days(11));
    let old = made.files("v1.pem").await.certificate.certificates().expect("chain").remove(0);
    assert_eq!(Certificate::read(&old).map(|read| read.version), Some(1));
    for length in 0..der.len() {
        // Never a panic; a cut outer element is no certificate.
        assert_eq!(Certificate::read(&der[..length]), None, "cut at {length}");
    }
    for index in 0..der.len().min(300) {
        let mut bytes = der.to_vec();
        bytes[index] ^= 0xff;
        let _ = Certificate::read(&bytes);
    }
}

#[tokio::test]
async fn equal_files_are_equal() {
    let made = Made::new();
    assert!(made.files("cert.pem").await == made.files("cert.pem").await);
    assert!(made.files("cert.pem").await != made.files("v1.pem").await);
}
