//! Python from a source tarball, built in a stage of its own that depends on base, mirror and tarball alone.

use super::Remark;
use super::choices::python_version;
use super::draft::Draft;
use super::shell::word;
use crate::catalogue::InstallerFile;
use crate::image::{ImageDescriptor, PackageTool};
use crate::request::AbsolutePath;

/// The stage's name.
pub(super) const STAGE: &str = "python";

const BUILD_DIRECTORY: &str = "/tmp/fastbuild-python";

/// Compilers, headers and with them the runtime libraries. They stay in the final image, where sdists need them.
pub(super) fn packages(tool: PackageTool) -> &'static [&'static str] {
    match tool {
        PackageTool::Apt => &[
            "ca-certificates",
            "g++",
            "gcc",
            "libbz2-dev",
            "libc6-dev",
            "libffi-dev",
            "liblzma-dev",
            "libreadline-dev",
            "libsqlite3-dev",
            "libssl-dev",
            "make",
            "uuid-dev",
            "xz-utils",
            "zlib1g-dev",
        ],
        PackageTool::Yum | PackageTool::Dnf => &[
            "bzip2",
            "bzip2-devel",
            "ca-certificates",
            "findutils",
            "gcc",
            "gcc-c++",
            "gzip",
            "libffi-devel",
            "libuuid-devel",
            "make",
            "openssl-devel",
            "readline-devel",
            "sqlite-devel",
            "tar",
            "xz",
            "xz-devel",
            "zlib-devel",
        ],
    }
}

/// Compiles and installs; the new Python proves its extension modules before the step ends.
pub(super) fn build(draft: &mut Draft, file: &InstallerFile, prefix: &AbsolutePath) {
    let (mount, tarball) = draft.bind_installer(file);
    let prefix = prefix.as_str();
    let version = python_version(file.name.as_str()).unwrap_or_else(|| vec![3]);
    let major = version.first().copied().unwrap_or(3);
    let program = |name: &str| word(&format!("{prefix}/bin/{name}"));
    let link = |name: &str| format!("if [ ! -e {} ]; then ln -s {name}{major} {}; fi", program(name), program(name));
    draft.run(
        vec![mount],
        [
            format!("mkdir -p {BUILD_DIRECTORY}"),
            format!("tar -xf {} -C {BUILD_DIRECTORY} --strip-components=1", word(&tarball)),
            format!("cd {BUILD_DIRECTORY}"),
            format!(
                "./configure --prefix={} --with-ensurepip=install --enable-loadable-sqlite-extensions LDFLAGS={}",
                word(prefix),
                word(&format!("-Wl,-rpath,{prefix}/lib")),
            ),
            "make -j\"$(nproc)\"".to_owned(),
            "make install".to_owned(),
            "cd /".to_owned(),
            format!("rm -rf {BUILD_DIRECTORY}"),
            format!("find {} -depth -type d -name test -exec rm -rf {{}} +", word(&format!("{prefix}/lib"))),
            link("python"),
            link("pip"),
            format!("{} -c 'import ssl, sqlite3, ctypes, bz2, zlib'", program("python")),
        ],
    );
    draft.note(Remark::PythonBuilt { file: file.name.to_string(), prefix: prefix.to_string() });
}

/// Python 3.10 and newer refuse the OpenSSL of EL 7 and its age.
pub(super) fn warn_about_openssl(draft: &mut Draft, descriptor: &ImageDescriptor, tarball: &str) {
    let is_new = python_version(tarball).is_some_and(|version| version.as_slice() >= [3, 10].as_slice());
    if is_new && has_old_openssl(descriptor) {
        let os = format!("{} {}", descriptor.os.name, descriptor.os.version);
        draft.warn(Remark::OldOpenSsl { file: tarball.to_owned(), os });
    }
}

/// Whether the distribution's OpenSSL is older than 1.1.1, told by glibc: 2.27 came in the same year.
pub(super) fn has_old_openssl(descriptor: &ImageDescriptor) -> bool {
    let mut parts = descriptor.details.glibc.split('.').filter_map(|part| part.parse::<u32>().ok());
    matches!((parts.next(), parts.next()), (Some(2), Some(minor)) if minor < 27)
}
