//! JupyterLab: which version a Python takes, and its password.

use super::draft::Draft;
use super::pip::Interpreter;
use super::shell::word;
use crate::image::ImageDescriptor;
use crate::request::BuildRequest;
use crate::secret::JupyterHash;

/// The configuration that the start script passes on.
pub(super) const CONFIGURATION: &str = "/usr/local/dros/fastbuild/jupyter_config.json";

/// Which form of password hash every JupyterLab reads that this request can end up with: without argon2-cffi, which
/// Python 2 and 3.5 miss, only the plain one.
pub fn hash_form(request: &BuildRequest, descriptor: &ImageDescriptor) -> JupyterHash {
    let version = match &request.python {
        Some(python) => super::choices::python_version(python.tarball.as_str()),
        None => version_numbers(&descriptor.details.python3_version),
    };
    match version {
        Some(version) if version.as_slice() < [3, 6].as_slice() => JupyterHash::Sha256,
        // What serves already may be of any age.
        _ if descriptor.jupyter_lab.available => JupyterHash::Sha256,
        _ => JupyterHash::Argon2,
    }
}

fn version_numbers(text: &str) -> Option<Vec<u32>> {
    let numbers: Vec<u32> = text.split('.').map_while(|part| part.parse().ok()).collect();
    (!numbers.is_empty()).then_some(numbers)
}

/// What pip installs.
pub(super) fn requirements(interpreter: &Interpreter) -> Vec<&'static str> {
    let mut wanted = match interpreter.version {
        Some((2, _)) => vec!["jupyterlab<1", "notebook<6"],
        Some((3, minor)) if minor < 6 => vec!["jupyterlab<3"],
        Some((3, 6 | 7)) => vec!["jupyterlab<4"],
        _ => vec!["jupyterlab"],
    };
    if interpreter.has_old_openssl {
        wanted.push("urllib3<2");
    }
    wanted
}

/// Where every Jupyter server looks, also one that the base image starts by itself.
const OF_EVERY_SERVER: [&str; 2] =
    ["/etc/jupyter/jupyter_server_config.json", "/etc/jupyter/jupyter_notebook_config.json"];

/// Writes the password's hash where the server reads it, for its user alone. Each generation of servers reads another
/// section; the rest is nothing to it. Where the base image brings the server, its own start program may start it.
pub(super) fn password(draft: &mut Draft, hash: &str, user: &str, is_of_base: bool) {
    let configuration = serde_json::json!({
        "IdentityProvider": { "token": "" },
        "NotebookApp": { "password": hash, "token": "", "allow_password_change": false, "port_retries": 0 },
        "PasswordIdentityProvider": { "hashed_password": hash, "allow_password_change": false },
        "ServerApp": { "password": hash, "token": "", "allow_password_change": false, "port_retries": 0 },
    });
    let (mount, path) = draft.bind_secret("secrets/jupyter_config.json", format!("{configuration:#}\n"));
    let mut steps = vec![
        "mkdir -p /usr/local/dros/fastbuild".to_owned(),
        format!("cp {} {CONFIGURATION}", word(&path)),
        format!("chmod 0600 {CONFIGURATION}"),
    ];
    if is_of_base {
        steps.push("mkdir -p /etc/jupyter".to_owned());
        // A file of the base's own stays: its author knows which settings belong together.
        let link = |file: &str| format!("if [ ! -e {file} ]; then ln -sf {CONFIGURATION} {file}; fi");
        steps.extend(OF_EVERY_SERVER.map(link));
    }
    if !user.is_empty() {
        steps.push(format!("chown -- {} {CONFIGURATION}", word(user)));
    }
    draft.run(vec![mount], steps);
}
