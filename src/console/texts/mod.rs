//! Every text of the console, one catalogue per language.
//!
//! The catalogue is a structure, so that a text missing in one language does not compile; a test reads both and finds
//! none empty and none in the wrong language.

mod chinese;
mod english;

use serde::Serialize;

use crate::language::Language;
use crate::task::{StageName, TaskState};

/// The texts of one language.
#[derive(Debug, Serialize)]
pub(super) struct Texts {
    pub(super) common: CommonTexts,
    pub(super) tasks: TasksTexts,
    pub(super) task: TaskTexts,
    pub(super) build: BuildTexts,
    pub(super) images: ImagesTexts,
    pub(super) configuration: ConfigurationTexts,
    pub(super) callbacks: CallbacksTexts,
    pub(super) tokens: TokensTexts,
    pub(super) login: LoginTexts,
    pub(super) script: ScriptTexts,
    /// In the order of [`TaskState::ALL`].
    states: [&'static str; 16],
    /// In the order of [`StageName::ALL`].
    stages: [&'static str; 5],
    /// What a stage does, in the order of [`StageName::ALL`].
    stage_purposes: [&'static str; 5],
}

/// What every page shows.
#[derive(Debug, Serialize)]
pub(super) struct CommonTexts {
    pub(super) skip: &'static str,
    pub(super) tagline: &'static str,
    pub(super) navigation: &'static str,
    pub(super) tasks: &'static str,
    pub(super) new_build: &'static str,
    pub(super) images: &'static str,
    pub(super) configuration: &'static str,
    pub(super) callbacks: &'static str,
    pub(super) tokens: &'static str,
    pub(super) interface: &'static str,
    pub(super) language: &'static str,
    pub(super) needs_script: &'static str,
    pub(super) filter: &'static str,
    pub(super) clear: &'static str,
    pub(super) any: &'static str,
    pub(super) actions: &'static str,
    pub(super) cancel: &'static str,
    pub(super) delete: &'static str,
    pub(super) copy: &'static str,
    pub(super) download: &'static str,
    pub(super) created: &'static str,
    pub(super) previous: &'static str,
    pub(super) next: &'static str,
    pub(super) pages: &'static str,
    pub(super) of: &'static str,
    pub(super) not_found: &'static str,
    pub(super) not_found_hint: &'static str,
    pub(super) back_to_tasks: &'static str,
    pub(super) failed: &'static str,
    pub(super) failed_hint: &'static str,
    pub(super) foreign_request: &'static str,
    pub(super) not_configured: &'static str,
    pub(super) not_configured_hint: &'static str,
    pub(super) to_configuration: &'static str,
}

/// The list of tasks.
#[derive(Debug, Serialize)]
pub(super) struct TasksTexts {
    pub(super) lead: &'static str,
    pub(super) running: &'static str,
    pub(super) queued: &'static str,
    pub(super) succeeded: &'static str,
    pub(super) failed: &'static str,
    pub(super) image_name: &'static str,
    pub(super) image_placeholder: &'static str,
    pub(super) state: &'static str,
    pub(super) any_failure: &'static str,
    pub(super) task: &'static str,
    pub(super) target: &'static str,
    pub(super) base: &'static str,
    pub(super) duration: &'static str,
    pub(super) unnamed: &'static str,
    pub(super) none: &'static str,
    pub(super) none_hint: &'static str,
    pub(super) no_match: &'static str,
    pub(super) no_match_hint: &'static str,
}

/// A task's page.
#[derive(Debug, Serialize)]
pub(super) struct TaskTexts {
    pub(super) title: &'static str,
    pub(super) cancel: &'static str,
    pub(super) rebuild: &'static str,
    pub(super) change: &'static str,
    pub(super) stages: &'static str,
    pub(super) progress: &'static str,
    pub(super) waiting: &'static str,
    pub(super) running: &'static str,
    pub(super) done: &'static str,
    pub(super) failed: &'static str,
    pub(super) skipped: &'static str,
    pub(super) cancelling: &'static str,
    pub(super) what_to_do: &'static str,
    pub(super) failed_step: &'static str,
    pub(super) last_lines: &'static str,
    pub(super) ready: &'static str,
    pub(super) ready_hint: &'static str,
    pub(super) digest: &'static str,
    pub(super) sbom: &'static str,
    pub(super) sbom_hint: &'static str,
    pub(super) scan: &'static str,
    pub(super) scanner: &'static str,
    pub(super) severity: &'static str,
    pub(super) findings: &'static str,
    pub(super) report_time: &'static str,
    pub(super) build_steps: &'static str,
    pub(super) log: &'static str,
    pub(super) log_stage: &'static str,
    pub(super) all_stages: &'static str,
    pub(super) search: &'static str,
    pub(super) search_placeholder: &'static str,
    pub(super) previous_match: &'static str,
    pub(super) next_match: &'static str,
    pub(super) follow: &'static str,
    pub(super) wrap: &'static str,
    pub(super) no_lines: &'static str,
    pub(super) download_logs: &'static str,
    pub(super) details: &'static str,
    pub(super) number: &'static str,
    pub(super) name: &'static str,
    pub(super) base: &'static str,
    pub(super) description: &'static str,
    pub(super) maintainer: &'static str,
    pub(super) submitted: &'static str,
    pub(super) started: &'static str,
    pub(super) ended: &'static str,
    pub(super) attempts: &'static str,
    pub(super) interruptions: &'static str,
    pub(super) callback: &'static str,
    pub(super) callback_times: &'static str,
    pub(super) dockerfile: &'static str,
    pub(super) no_dockerfile: &'static str,
    pub(super) request: &'static str,
    pub(super) request_hint: &'static str,
}

/// The form of a new build.
#[derive(Debug, Serialize)]
pub(super) struct BuildTexts {
    pub(super) lead: &'static str,
    pub(super) base: &'static str,
    pub(super) base_hint: &'static str,
    pub(super) inspect: &'static str,
    pub(super) target_section: &'static str,
    pub(super) target: &'static str,
    pub(super) target_hint: &'static str,
    pub(super) name: &'static str,
    pub(super) name_hint: &'static str,
    pub(super) maintainer: &'static str,
    pub(super) description: &'static str,
    pub(super) callback_url: &'static str,
    pub(super) callback_hint: &'static str,
    pub(super) optional: &'static str,
    pub(super) os_section: &'static str,
    pub(super) package_manager: &'static str,
    pub(super) mirror: &'static str,
    pub(super) keep_mirror: &'static str,
    pub(super) packages: &'static str,
    pub(super) os_packages_hint: &'static str,
    pub(super) python_section: &'static str,
    pub(super) python: &'static str,
    pub(super) keep_python: &'static str,
    pub(super) pip_installer: &'static str,
    pub(super) keep_pip: &'static str,
    pub(super) pip_packages_hint: &'static str,
    pub(super) requirements: &'static str,
    pub(super) conda_section: &'static str,
    pub(super) conda_installer: &'static str,
    pub(super) keep_conda: &'static str,
    pub(super) conda_packages_hint: &'static str,
    pub(super) services_section: &'static str,
    pub(super) services_hint: &'static str,
    pub(super) ssh_password: &'static str,
    pub(super) jupyter_password: &'static str,
    pub(super) show: &'static str,
    pub(super) preview: &'static str,
    pub(super) preview_hint: &'static str,
    pub(super) plan: &'static str,
    pub(super) warnings: &'static str,
    pub(super) submit: &'static str,
    pub(super) refresh_preview: &'static str,
    pub(super) from_task: &'static str,
}

/// The list of images.
#[derive(Debug, Serialize)]
pub(super) struct ImagesTexts {
    pub(super) lead: &'static str,
    pub(super) add_title: &'static str,
    pub(super) add_hint: &'static str,
    pub(super) add: &'static str,
    pub(super) name: &'static str,
    pub(super) keyword: &'static str,
    pub(super) keyword_placeholder: &'static str,
    pub(super) kind: &'static str,
    pub(super) base: &'static str,
    pub(super) customized: &'static str,
    pub(super) size: &'static str,
    pub(super) services: &'static str,
    pub(super) image_id: &'static str,
    pub(super) made_by: &'static str,
    pub(super) build_on: &'static str,
    pub(super) none: &'static str,
    pub(super) none_hint: &'static str,
    pub(super) delete_title: &'static str,
    pub(super) delete_hint: &'static str,
    pub(super) delete_remote: &'static str,
}

/// The configuration.
#[derive(Debug, Serialize)]
pub(super) struct ConfigurationTexts {
    pub(super) lead: &'static str,
    pub(super) current: &'static str,
    pub(super) host: &'static str,
    pub(super) host_purpose: &'static str,
    pub(super) harbor: &'static str,
    pub(super) harbor_purpose: &'static str,
    pub(super) docker_server: &'static str,
    pub(super) docker_purpose: &'static str,
    pub(super) not_configured: &'static str,
    pub(super) test: &'static str,
    pub(super) address: &'static str,
    pub(super) port: &'static str,
    pub(super) username: &'static str,
    pub(super) password: &'static str,
    pub(super) registry: &'static str,
    pub(super) registry_hint: &'static str,
    pub(super) registry_dns: &'static str,
    pub(super) registry_dns_hint: &'static str,
    pub(super) registry_ca: &'static str,
    pub(super) registry_ca_hint: &'static str,
    pub(super) docker_host_hint: &'static str,
    pub(super) tls: &'static str,
    pub(super) tls_on: &'static str,
    pub(super) tls_off: &'static str,
    pub(super) tls_archive: &'static str,
    pub(super) tls_archive_hint: &'static str,
    pub(super) form: &'static str,
    pub(super) form_hint: &'static str,
    pub(super) save: &'static str,
    pub(super) history: &'static str,
    pub(super) history_hint: &'static str,
    pub(super) since: &'static str,
    pub(super) in_force: &'static str,
    pub(super) roll_back: &'static str,
    pub(super) private_ca: &'static str,
    pub(super) headers: &'static str,
    pub(super) headers_hint: &'static str,
    pub(super) headers_label: &'static str,
    pub(super) headers_current: &'static str,
    pub(super) save_headers: &'static str,
    pub(super) row_unknown: &'static str,
    pub(super) harbor_works: &'static str,
    pub(super) docker_works: &'static str,
    pub(super) rolled_back: &'static str,
}

/// Callbacks.
#[derive(Debug, Serialize)]
pub(super) struct CallbacksTexts {
    pub(super) lead: &'static str,
    pub(super) deliveries: &'static str,
    pub(super) attempts: &'static str,
    pub(super) status: &'static str,
    pub(super) pending: &'static str,
    pub(super) delivered: &'static str,
    pub(super) expired: &'static str,
    pub(super) receiver: &'static str,
    pub(super) task: &'static str,
    pub(super) tries: &'static str,
    pub(super) next_try: &'static str,
    pub(super) answer: &'static str,
    pub(super) body: &'static str,
    pub(super) time: &'static str,
    pub(super) resend: &'static str,
    pub(super) test: &'static str,
    pub(super) test_hint: &'static str,
    pub(super) none: &'static str,
    pub(super) none_hint: &'static str,
    pub(super) no_attempts: &'static str,
    pub(super) unknown: &'static str,
    pub(super) no_answer: &'static str,
}

/// Tokens.
#[derive(Debug, Serialize)]
pub(super) struct TokensTexts {
    pub(super) lead: &'static str,
    pub(super) open_hint: &'static str,
    pub(super) create: &'static str,
    pub(super) name: &'static str,
    pub(super) user: &'static str,
    pub(super) user_hint: &'static str,
    pub(super) role: &'static str,
    pub(super) read: &'static str,
    pub(super) submit: &'static str,
    pub(super) administer: &'static str,
    pub(super) days: &'static str,
    pub(super) make: &'static str,
    pub(super) made_title: &'static str,
    pub(super) made_hint: &'static str,
    pub(super) none: &'static str,
    pub(super) none_hint: &'static str,
    pub(super) state: &'static str,
    pub(super) usable: &'static str,
    pub(super) expired: &'static str,
    pub(super) revoked: &'static str,
    pub(super) used: &'static str,
    pub(super) ends: &'static str,
    pub(super) revoke: &'static str,
    pub(super) is_revoked: &'static str,
    pub(super) unknown: &'static str,
    pub(super) name_invalid: &'static str,
    pub(super) name_taken: &'static str,
    pub(super) days_invalid: &'static str,
}

/// The login.
#[derive(Debug, Serialize)]
pub(super) struct LoginTexts {
    pub(super) title: &'static str,
    pub(super) hint: &'static str,
    pub(super) token: &'static str,
    pub(super) enter: &'static str,
    pub(super) leave: &'static str,
    pub(super) refused: &'static str,
    pub(super) too_often: &'static str,
}

/// What the scripts say; they find it in the page.
#[derive(Debug, Serialize)]
pub(super) struct ScriptTexts {
    copied: &'static str,
    unreachable: &'static str,
    failed: &'static str,
    confirm: &'static str,
    keep: &'static str,
    cancel_task: &'static str,
    cancel_task_hint: &'static str,
    cancelled: &'static str,
    rebuild_task: &'static str,
    rebuild_task_hint: &'static str,
    rebuilding: &'static str,
    delete_task: &'static str,
    delete_task_hint: &'static str,
    deleted: &'static str,
    matches: &'static str,
    no_match: &'static str,
    steps: &'static str,
    cached: &'static str,
    step_running: &'static str,
    step_done: &'static str,
    step_failed: &'static str,
    step_waiting: &'static str,
    lines_dropped: &'static str,
    listing: &'static str,
    scan_pending: &'static str,
    scan_running: &'static str,
    scan_error: &'static str,
    scan_stopped: &'static str,
    scan_counts: &'static str,
    severity_critical: &'static str,
    severity_high: &'static str,
    severity_medium: &'static str,
    severity_low: &'static str,
    severity_negligible: &'static str,
    severity_unknown: &'static str,
    severity_none: &'static str,
    interrupted: &'static str,
    connection_lost: &'static str,
    inspecting: &'static str,
    inspect_first: &'static str,
    os: &'static str,
    package_manager: &'static str,
    architecture: &'static str,
    yes: &'static str,
    no: &'static str,
    previewing: &'static str,
    preview_failed: &'static str,
    line: &'static str,
    line_option: &'static str,
    line_url: &'static str,
    fits_not: &'static str,
    required: &'static str,
    check_fields: &'static str,
    submitting: &'static str,
    adding: &'static str,
    added: &'static str,
    removing: &'static str,
    testing: &'static str,
    saving: &'static str,
    saved: &'static str,
    roll_back: &'static str,
    roll_back_hint: &'static str,
    resending: &'static str,
    revoke_token: &'static str,
    revoke_token_hint: &'static str,
    not_json: &'static str,
    no_warnings: &'static str,
}

impl Texts {
    /// The texts of a language.
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::Chinese => &chinese::TEXTS,
            Language::English => &english::TEXTS,
        }
    }

    /// What a state is called.
    pub(super) fn state(&self, state: TaskState) -> &'static str {
        TaskState::ALL.iter().position(|known| *known == state).map_or("", |index| self.states[index])
    }

    /// What a stage is called.
    pub(super) fn stage(&self, stage: StageName) -> &'static str {
        StageName::ALL.iter().position(|known| *known == stage).map_or("", |index| self.stages[index])
    }

    /// What a stage is for.
    pub(super) fn stage_purpose(&self, stage: StageName) -> &'static str {
        StageName::ALL.iter().position(|known| *known == stage).map_or("", |index| self.stage_purposes[index])
    }

    /// The scripts' texts as JSON.
    pub(super) fn script_json(&self) -> String {
        serde_json::to_string(&self.script).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn leaves(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => found.push((path.to_owned(), text.clone())),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    leaves(&format!("{path}.{index}"), item, found);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    leaves(&format!("{path}.{name}"), field, found);
                }
            }
            other => panic!("{path} is {other}"),
        }
    }

    fn texts(language: Language) -> Vec<(String, String)> {
        let mut found = Vec::new();
        leaves("", &serde_json::to_value(Texts::of(language)).unwrap(), &mut found);
        found
    }

    #[test]
    fn both_languages_have_every_text() {
        let is_chinese = |text: &str| text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter));
        let same_in_both = ["Harbor", "Dockerfile", "FastBuild", "TLS", "API"];
        let (chinese, english) = (texts(Language::Chinese), texts(Language::English));
        assert_eq!(chinese.len(), english.len());
        assert!(chinese.len() > 250, "{}", chinese.len());
        for ((path, chinese), (english_path, english)) in chinese.iter().zip(&english) {
            assert_eq!(path, english_path);
            assert!(!english.trim().is_empty() && !chinese.trim().is_empty(), "{path} is empty");
            assert!(!is_chinese(english), "{path} in English: {english}");
            let placeholder = path.ends_with("placeholder") || same_in_both.contains(&chinese.as_str());
            assert!(is_chinese(chinese) || placeholder, "{path} in Chinese: {chinese}");
        }
    }

    #[test]
    fn placeholders_are_the_same_in_both() {
        let names = |text: &str| {
            let mut names: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
                .collect();
            names.sort();
            names
        };
        for ((path, chinese), (_, english)) in texts(Language::Chinese).iter().zip(&texts(Language::English)) {
            assert_eq!(names(chinese), names(english), "{path}");
        }
    }
}
