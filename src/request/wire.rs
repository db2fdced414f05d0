//! The two shapes in which clients send a build request, read into one set of raw fields.
//!
//! Only the shape is checked here; what the texts say is judged in `parse`.

use serde_json::Value;

use super::section::{Errors, Section, Text};
use super::{Location, ValidationError};

/// The fields of both shapes, unjudged.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) task_name: Text,
    pub(super) callback_url: Text,
    pub(super) target: Text,
    pub(super) tag: Option<Text>,
    pub(super) description: Option<Text>,
    pub(super) base_image: Text,
    pub(super) maintainer: Text,
    pub(super) python: Install,
    pub(super) os_packages: Installer,
    pub(super) pip: Installer,
    pub(super) conda: Installer,
    /// Every place where the SSH secret may stand, outermost first.
    pub(super) ssh_secrets: Vec<Text>,
    /// The same for JupyterLab.
    pub(super) jupyter_secrets: Vec<Text>,
    pub(super) force: bool,
    pub(super) refresh_after_seconds: Option<u64>,
    pub(super) plain_pip: bool,
}

/// What is to be installed of a tool itself.
#[derive(Debug)]
pub(super) struct Install {
    pub(super) update: Option<bool>,
    pub(super) target: Vec<Text>,
    /// `install_loc`
    pub(super) directory: Option<Text>,
}

/// One package installer's part.
#[derive(Debug)]
pub(super) struct Installer {
    pub(super) name: Text,
    pub(super) install: Install,
    pub(super) source_type: Text,
    pub(super) source_file: Text,
    pub(super) software: Vec<(Text, Option<Text>)>,
    pub(super) python_version: Vec<Text>,
    /// Where the list of software stands.
    pub(super) software_location: Location,
}

impl Wire {
    /// Reads a document of either shape, or tells all that is wrong with its shape.
    pub(super) fn read(document: &Value) -> Result<Self, Vec<ValidationError>> {
        let mut errors = Errors::new();
        let wire = Section::read(document, Location::body(), &mut errors).and_then(|body| read(&body, &mut errors));
        match wire {
            Some(wire) if errors.is_empty() => Ok(wire),
            _ => Err(errors),
        }
    }
}

/// Every part is read before the first `?`, so that all errors are found in one go.
fn read(body: &Section<'_>, errors: &mut Errors) -> Option<Wire> {
    let is_platform = body.has("task_data") && !body.has("image_data");
    let outer_secrets = read_secrets(body, errors);
    let task = body.section(if is_platform { "task_data" } else { "image_data" }, errors).map(|task| {
        let named = (task.text("task_name", errors), task.text("callback_url", errors));
        let target = (task.text("target_image_name", errors), task.optional_text("tag", errors));
        (named, target, task.optional_text("image_desc", errors), read_secrets(&task, errors))
    });
    let dockerfile = body.section("dockerfile_json", errors).map(|dockerfile| {
        let texts = (dockerfile.text("base_image", errors), dockerfile.text("maintainer", errors));
        let tools = dockerfile.section("image_installer_config", errors).map(|tools| {
            let python = tools.section("python_env", errors).and_then(|part| read_install(&part, errors));
            let [os_packages, pip, conda] =
                ["package_manager_installer_config", "pip_installer_config", "conda_installer_config"]
                    .map(|name| tools.section(name, errors).and_then(|part| read_installer(&part, errors)));
            (python, os_packages, pip, conda, read_secrets(&tools, errors))
        });
        (texts, tools)
    });
    let force = body.optional_truth("force", errors).unwrap_or_default();
    let refresh_after_seconds = body.optional_whole_number("refresh_after", errors);
    let plain_pip = body.optional_truth("plain_pip", errors).unwrap_or_default();

    let ((task_name, callback_url), (target, tag), description, task_secrets) = task?;
    let ((base_image, maintainer), tools) = dockerfile?;
    let (python, os_packages, pip, conda, inner_secrets) = tools?;
    let (ssh_secrets, jupyter_secrets): (Vec<_>, Vec<_>) =
        [outer_secrets, task_secrets, inner_secrets].into_iter().unzip();
    Some(Wire {
        task_name: task_name?,
        callback_url: callback_url?,
        target: target?,
        tag,
        description,
        base_image: base_image?,
        maintainer: maintainer?,
        python: python?,
        os_packages: os_packages?,
        pip: pip?,
        conda: conda?,
        ssh_secrets: ssh_secrets.into_iter().flatten().collect(),
        jupyter_secrets: jupyter_secrets.into_iter().flatten().collect(),
        force,
        refresh_after_seconds,
        plain_pip,
    })
}

/// The secrets of SSH and JupyterLab in one of the places where they may stand.
fn read_secrets(section: &Section<'_>, errors: &mut Errors) -> (Option<Text>, Option<Text>) {
    (section.optional_text("webSSHSecret", errors), section.optional_text("jupyterLabSecret", errors))
}

fn read_install(section: &Section<'_>, errors: &mut Errors) -> Option<Install> {
    // What check-image reported earlier; only its shape matters.
    let present = section.texts("present", errors);
    let update = section.optional_truth("update", errors);
    let target = section.texts("target", errors);
    let directory = section.optional_text("install_loc", errors);
    present?;
    Some(Install { update, target: target?, directory })
}

fn read_installer(section: &Section<'_>, errors: &mut Errors) -> Option<Installer> {
    let name = section.text("installer_name", errors);
    let install = section.section("install", errors).and_then(|part| read_install(&part, errors));
    let source = section.section("source", errors).map(|source| {
        source.optional_text("installer_name", errors);
        (source.text("type", errors), source.text("file_name", errors))
    });
    let software = section.sections("software_list", errors).map(|entries| {
        let read = |entry: Section<'_>| (entry.text("name", errors), entry.optional_text("version", errors));
        entries.into_iter().map(read).collect::<Vec<_>>()
    });
    section.optional_text("delimiter", errors);
    let python_version = section.optional_texts("python_version", errors);
    let (source_type, source_file) = source?;
    Some(Installer {
        name: name?,
        install: install?,
        source_type: source_type?,
        source_file: source_file?,
        software: software?
            .into_iter()
            .map(|(name, version)| name.map(|name| (name, version)))
            .collect::<Option<_>>()?,
        python_version,
        software_location: section.location.field("software_list"),
    })
}
