//! A build request, from its bytes to a Dockerfile.

use crate::catalogue::{InstallerFile, MirrorFile, SourceInstaller};
use crate::image::{Digest, ImageConfig, ImageDescriptor, ImageReference, OsFamily, PackageTool};
use crate::recipe::{Chains, RecipeInput, RecipeOptions, ResolvedFiles, needed_files, plan};
use crate::request::{BuildRequest, redacted_document};
use crate::secret::PlatformCipher;

use super::instructions::assert_intended;

const PIN: &str = "fastbuild.invalid/base:b0e51d197a450263974e79f37488ad127043d5d78f7241358af864d10a818043";

/// A request's bytes: refused with a field, or a Dockerfile of exactly the intended instructions on every kind of base.
pub fn request(bytes: &[u8]) {
    let cipher = PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").expect("a cipher");
    let request = match BuildRequest::parse(bytes, &cipher) {
        Ok(request) => request,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let document = redacted_document(bytes).expect("what was accepted is a document");
    let again = BuildRequest::parse_saved(document.to_string().as_bytes(), None, None);
    let again = again.expect("a kept document can be read again");
    assert_eq!((&again.target, &again.base, &again.maintainer), (&request.target, &request.base, &request.maintainer));
    for descriptor in
        [bare(OsFamily::Debian, PackageTool::Apt), with_python(), bare(OsFamily::RedHat, PackageTool::Dnf)]
    {
        plan_on(&request, &descriptor);
    }
}

fn plan_on(request: &BuildRequest, descriptor: &ImageDescriptor) {
    let options = RecipeOptions::default();
    let Ok(needed) = needed_files(request, descriptor, &options) else { return };
    let digest = Digest::of(b"a file");
    let mirror_text = |installer| match installer {
        SourceInstaller::Apt => "deb http://mirror.example/debian bookworm main\n",
        SourceInstaller::Yum => "[base]\nname=base\nbaseurl=http://mirror.example/\n",
        SourceInstaller::Pip => "[global]\ntimeout = 60\n",
        SourceInstaller::Conda => "channels: [defaults]\n",
    };
    let files = ResolvedFiles {
        sources: (needed.sources.into_iter())
            .map(|(installer, choice)| {
                let bytes = mirror_text(installer).into();
                (installer, MirrorFile { choice, bytes, digest: digest.clone() })
            })
            .collect(),
        installers: (needed.installers.into_iter())
            .map(|(kind, name)| {
                let path = std::path::Path::new("/tools").join(name.as_str());
                InstallerFile { kind, path, size_bytes: 1, digest: digest.clone(), name }
            })
            .collect(),
    };
    let base = ImageConfig { command: vec!["bash".to_owned()], ..ImageConfig::default() };
    let pin: ImageReference = PIN.parse().expect("the pin's name");
    let input = RecipeInput {
        request,
        descriptor,
        base: &base,
        base_pin: &pin,
        files: &files,
        ssh_hash: request.ssh_password.as_ref().map(|_| "$6$salt$hash"),
        jupyter_hash: request.jupyter_password.as_ref().map(|_| "argon2:$argon2id$v=19$hash"),
        task_id: 1_795_229_647_053,
        options: &options,
        earlier: Chains::default(),
    };
    if let Ok(recipe) = plan(&input) {
        assert_intended(&recipe);
    }
}

fn bare(family: OsFamily, tool: PackageTool) -> ImageDescriptor {
    let mut descriptor = ImageDescriptor::default();
    let (name, version, id, number, glibc) = match family {
        OsFamily::Debian => ("Debian", "12 (bookworm)", "debian", "12", "2.36"),
        OsFamily::RedHat => ("Rocky", "9.4 (Blue Onyx)", "rocky", "9.4", "2.34"),
    };
    name.clone_into(&mut descriptor.os.name);
    version.clone_into(&mut descriptor.os.version);
    if tool == PackageTool::Apt { "apt" } else { "yum" }.clone_into(&mut descriptor.package_manager.name);
    let details = &mut descriptor.details;
    id.clone_into(&mut details.os_id);
    number.clone_into(&mut details.os_version_id);
    glibc.clone_into(&mut details.glibc);
    "x86_64".clone_into(&mut details.architecture);
    (details.family, details.package_tool, details.has_bash) = (Some(family), Some(tool), true);
    descriptor
}

fn with_python() -> ImageDescriptor {
    let mut descriptor = bare(OsFamily::Debian, PackageTool::Apt);
    let details = &mut descriptor.details;
    "/usr/bin/python3".clone_into(&mut details.python3_path);
    "3.11.2".clone_into(&mut details.python3_version);
    "23.0.1".clone_into(&mut details.pip3_version);
    "/usr/lib/python3/dist-packages/pip".clone_into(&mut details.pip3_location);
    "OpenSSL 3.0.15 3 Sep 2024".clone_into(&mut details.python3_openssl);
    details.externally_managed = true;
    descriptor
}
