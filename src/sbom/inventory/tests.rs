use std::fmt::Write as _;

use super::super::records;
use super::*;

fn inventory(lines: &[&str]) -> Inventory {
    let mut output = "M\tbegin\t1\n".to_owned();
    for line in lines {
        let _ = writeln!(output, "M\t{line}");
    }
    output.push_str("M\tend\t1\n");
    read(&records::read(&output, "M").unwrap())
}

fn urls(inventory: &Inventory) -> Vec<&str> {
    inventory.packages.keys().map(String::as_str).collect()
}

#[test]
fn each_manager_has_its_urls() {
    let inventory = inventory(&[
        "dpkg\tname\tlibc6",
        "dpkg\tstate\tinstall ok installed",
        "dpkg\tarchitecture\tamd64",
        "dpkg\tversion\t2.36-9+deb12u10",
        "dpkg\tname\tgone",
        "dpkg\tstate\tdeinstall ok config-files",
        "dpkg\tversion\t1",
        "dpkg\tname\tdistroless",
        "dpkg\tversion\t1:2",
        "apk\tname\tmusl",
        "apk\tversion\t1.2.4-r2",
        "apk\tarchitecture\tx86_64",
        "rpm\tbash\t(none)\t5.1.8\t9.el9\tx86_64",
        "rpm\tvim\t2\t8.2\t1\tx86_64",
        "rpm\tgpg-pubkey\t(none)\t8483c65d\t5ccc5b19\t(none)",
        "python\t/usr/lib/python3/dist-packages/Six_x-1.16.dist-info\tSix_x\t1.16",
        "python\t/venv/lib/Six_x-1.16.dist-info\tSix_x\t1.16",
        "python\t/src/mine.egg-info\tmine\t",
        "environment\t/opt/conda",
        "conda\t/opt/conda\tpython-dateutil-2.9.0-pyhd8ed1ab_0.json",
        "python\t/opt/conda/pkgs/x-1/site-packages/cached-1.dist-info\tcached\t1",
        "python\t/opt/conda/lib/x-1.dist-info\tx\t1",
        // Told last, wanted first.
        "os\tID=\"debian\"",
        "os\tVERSION_ID=\"12\"",
        "os\tPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"",
    ]);
    assert_eq!(
        urls(&inventory),
        [
            "pkg:apk/debian/musl@1.2.4-r2?arch=x86_64&distro=debian-12",
            "pkg:conda/python-dateutil@2.9.0?build=pyhd8ed1ab_0",
            "pkg:deb/debian/distroless@1%3A2?distro=debian-12",
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12",
            "pkg:pypi/mine",
            "pkg:pypi/six-x@1.16",
            "pkg:pypi/x@1",
            "pkg:rpm/debian/bash@5.1.8-9.el9?arch=x86_64&distro=debian-12",
            "pkg:rpm/debian/vim@8.2-1?arch=x86_64&distro=debian-12&epoch=2",
        ]
    );
    assert_eq!(inventory.packages["pkg:pypi/six-x@1.16"].locations.len(), 2, "one package in two places");
    assert_eq!(inventory.packages["pkg:rpm/debian/vim@8.2-1?arch=x86_64&distro=debian-12&epoch=2"].version, "2:8.2-1");
    assert_eq!((inventory.os_title.as_str(), inventory.refused), ("Debian GNU/Linux 12 (bookworm)", 0));
}

#[test]
fn what_is_no_name_is_left_out_and_counted() {
    let inventory = inventory(&[
        "os\tID=evil \u{1b}[31m",
        "os\tnothing",
        "dpkg\tname\tlib\u{1b}[2J",
        "dpkg\tversion\t1",
        "dpkg\tname\tno-version",
        "dpkg\tname\tgood",
        "dpkg\tversion\t1",
        "rpm\tbash\tx\t1\t2\t3",
        "rpm\tbash",
        "python\t/a\u{202e}b\tx\t1",
        "python\trelative.dist-info\tx\t1",
        "python\t/a.dist-info\tx y\t1",
        "conda\t/opt\tno-dashes",
        "conda\t/opt\t../../../etc-1-2.txt",
        "surprise\t1",
        "unread\trpm",
    ]);
    assert_eq!(urls(&inventory), ["pkg:deb/good@1"]);
    assert_eq!((inventory.os_id.as_str(), inventory.refused), ("", 10));
    assert!(inventory.unread.contains("rpm"));
}

#[test]
fn an_image_with_nothing_has_an_empty_list() {
    let inventory = inventory(&[]);
    assert!(inventory.packages.is_empty() && inventory.refused == 0);
}
