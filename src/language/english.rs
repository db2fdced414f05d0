//! The messages in English.

use super::{Excess, Language, Message, explain, gigabytes, hint, remark};
use crate::access::Refusal as AccessRefusal;
use crate::catalogue::Refusal;
use crate::cause::Cause;
use crate::images::DeletionStep;
use crate::retention::Reason;
use crate::sbom::SbomProblem;
use crate::scan::NotScanned;
use crate::site::{AddressError, HeaderError, Part, TlsFile};

#[expect(clippy::too_many_lines, reason = "the list of all messages")]
pub(super) fn words(message: &Message) -> String {
    match message {
        Message::Configured => "FastBuild is configured.".to_owned(),
        Message::HostUpdated { host, port } => format!("The host of FastBuild is now {host}:{port}."),
        Message::HarborUpdated => "Harbor is configured.".to_owned(),
        Message::DockerServerUpdated => "The Docker server is configured.".to_owned(),
        Message::HeadersUpdated => "The callback headers are stored; callbacks carry them from now on.".to_owned(),
        Message::AddressInvalid { field, value, problem } => format!("{field}: '{value}' {}.", address(problem)),
        Message::TlsArchiveUnreadable { field } => {
            format!("{field}: the file is no readable tar or tar.gz. Pack the three PEM files again.")
        }
        Message::TlsArchiveTooLarge { field, limit_bytes } => {
            format!("{field}: the archive is larger than {limit_bytes} bytes. It should hold three PEM files only.")
        }
        Message::TlsArchiveTooManyEntries { field, limit } => {
            format!("{field}: the archive has more than {limit} entries. It should hold three PEM files only.")
        }
        Message::TlsArchiveEntry { field, path } => format!(
            "{field}: the entry '{path}' is refused: links, special files, repeated files and paths outside the archive \
             are not allowed."
        ),
        Message::TlsArchiveLacks { field, files } => format!("{field}: the archive lacks {}.", missing(files)),
        Message::TlsFileNotPem { field, file } => {
            format!("{field}: '{file}' in the archive is no PEM file.")
        }
        Message::NoCertificate { field } => format!("{field}: no PEM certificate was found in it."),
        Message::NotConfigured { parts } => {
            format!("Not configured yet: {}. Configure it first (POST /config/config-fastbuild).", part_list(parts))
        }
        Message::HeaderInvalid(error) => header(error),
        Message::NoCallbackYet => "No callback has been recorded yet, so there is none to send again.".to_owned(),
        Message::NoHostYet => "No host is recorded yet.".to_owned(),
        Message::BodyTooLarge { limit_bytes } => {
            format!("The request is larger than the limit of {limit_bytes} bytes. Send less, or have the limit raised.")
        }
        Message::Excess(excess) => beyond(*excess),
        Message::Access(refusal) => access(*refusal),
        Message::TaskUnknown { task_id } => format!("There is no task {task_id}. Check the task_id."),
        Message::NoTasks => "There are no tasks yet.".to_owned(),
        Message::NoTaskForImage { image_name } => {
            format!("No task has an image whose name contains '{image_name}'.")
        }
        Message::TaskRunning { task_id } => {
            format!("Task {task_id} has not ended yet. Wait for its end or cancel it first.")
        }
        Message::TaskEnded { task_id } => format!("Task {task_id} has ended already."),
        Message::ImageUnknown { image_name } => format!("There is no image '{image_name}'. Check its name and tag."),
        Message::ImageNameInvalid { image_name } => {
            format!("'{image_name}' is no image name. Write it as registry/project/repository:tag.")
        }
        Message::NameInUse { image_name, task_id: 0 } => {
            format!("The image name '{image_name}' is in use. Choose another name or tag.")
        }
        Message::NameInUse { image_name, task_id } => {
            format!("The image name '{image_name}' is in use by task {task_id}. Choose another name or tag.")
        }
        Message::SourceMismatch { os, file_name } => format!(
            "The source file '{file_name}' does not fit the base image's system {os}. Choose a file for that release."
        ),
        Message::SourceMissing { installer, source_type, file_name } => format!(
            "There is no source file '{file_name}' of type '{source_type}' for {installer}. Choose one of /file/list-source."
        ),
        Message::InstallerMissing { installer, file_name } => format!(
            "There is no installer '{file_name}' for {installer}. Choose one of /file/list-software or upload it."
        ),
        Message::SecretUndecryptable { field } => {
            format!("{field} cannot be decrypted. Encrypt it with the AES key that this service is set to.")
        }
        Message::KeyReused { task_id: 0 } => {
            "This Idempotency-Key came with another request before. Send a new request under a new key.".to_owned()
        }
        Message::KeyReused { task_id } => format!(
            "This Idempotency-Key came with another request before, which is task {task_id}. Send a new request under a new key, \
             or the same request once more."
        ),
        Message::QueueFull { limit, position } => {
            format!("{limit} tasks wait or run already, {position} would go before this one. Try again when some have ended.")
        }
        Message::UserLimit { queue_user, limit, position } => format!(
            "{limit} tasks of the user '{queue_user}' wait or run already, {position} would go before this one. Try again when \
             some have ended."
        ),
        Message::UploadRefused { file_name, refusal } => format!("'{file_name}': {}.", upload(*refusal)),
        Message::FileTooLarge { file_name, limit_bytes } => {
            format!("'{file_name}' is larger than the limit of {limit_bytes} bytes.")
        }
        Message::FileBuiltIn { file_name } => format!("'{file_name}' is built in and cannot be deleted."),
        Message::FileDeleted { file_name } => format!("'{file_name}' is deleted."),
        Message::DiskFull => {
            "The disk of this service is full. Have space freed by its administrator, then try again.".to_owned()
        }
        Message::DiskLow(low) => format!(
            "{}: only {} are free on the disk of {}, and {} must be. Nothing is accepted until space is freed; then it goes on by \
             itself.",
            Cause::DiskFull,
            gigabytes(low.free_bytes),
            disk(low.name),
            gigabytes(low.needed_bytes)
        ),
        Message::Retention(reason) => retention(reason),
        Message::Failed { cause, explanation } => {
            let explained = explain(explanation, Some(*cause), Language::English);
            format!("{cause}: {explained}. {}", hint(*cause, Language::English))
        }
        Message::RequestRefused(error) => error.english(),
        Message::Remark(said) => remark(said, Language::English),
        Message::ForeignTarget { image_name } => {
            format!("'{image_name}' is not in our Harbor and is pushed without an account")
        }
        Message::TargetInUse { image_name } => format!("'{image_name}' is in use; submitting will be refused"),
        Message::CallbackRefused(refused) => refused.to_string(),
        Message::BaseAbsent { image_name } => {
            format!("The base image '{image_name}' is not on the Docker server: pull it first (POST /task/pull-image)")
        }
        Message::ImageInUse { image_name, task_id: 0 } => {
            format!("A task that has not ended needs the image '{image_name}': wait for its end")
        }
        Message::ImageInUse { image_name, task_id } => {
            format!("Task {task_id} needs the image '{image_name}': wait for its end or cancel it first")
        }
        Message::ImageNotOurs { image_name } => {
            format!("The image '{image_name}' was not pushed by this service, so it stays in the registry")
        }
        Message::ImageMoved { image_name } => {
            format!("'{image_name}' stands for another image in the registry now, so it stays: delete it in Harbor if you must")
        }
        Message::ImageShared { image_name, tags } => {
            format!("'{image_name}' is the same image as the tags {tags} in the registry, so it stays")
        }
        Message::Deletion(step) => deletion(step),
        Message::BaseAdded { image_name } => format!("'{image_name}' is offered as a base image"),
        Message::BasePulling { image_name } => {
            format!("'{image_name}' is offered as a base image and being pulled in the background")
        }
        Message::TaskCancelled { task_id } => format!("Task {task_id} is cancelled"),
        Message::TaskStopping { task_id } => format!("Task {task_id} is being stopped"),
        Message::TaskDeleted { task_id } => format!("Record and directory of task {task_id} are deleted"),
        Message::TaskNotPushed { task_id } => {
            format!("Task {task_id} has pushed no image, so there is nothing to list. Ask for a task in PUSH_SUCCESS.")
        }
        Message::SbomUnreadable { image_name, problem } => {
            format!("What is installed in '{image_name}' cannot be read: {}.", unreadable(*problem))
        }
        Message::NotScanned(reason) => not_scanned(reason),
        Message::StageUnknown { stage } => {
            format!("There is no stage '{stage}': use pull, check, prepare, build or push")
        }
        Message::SealedValueLocked => {
            "A stored secret cannot be opened with the key at hand. Restore the key file from a backup or configure Harbor \
             again."
                .to_owned()
        }
        Message::DatabaseBusy => {
            "Another process locks the database, a backup perhaps. Try again in a moment.".to_owned()
        }
        Message::Internal => {
            "The service failed. Try again; if it stays, give the X-Request-Id of this answer to its administrator."
                .to_owned()
        }
    }
}

fn disk(name: &str) -> &'static str {
    match name {
        "docker" => "the Docker server",
        "database" => "the database",
        _ => "the task directories",
    }
}

fn retention(reason: &Reason) -> String {
    match reason {
        Reason::Ended { days, limit_days } => format!("its task ended {days} days ago; {limit_days} are kept"),
        Reason::NoTask { days } => format!("no task on record has it, and it was last changed {days} days ago"),
        Reason::Old { limit_days } => format!("history older than {limit_days} days"),
        Reason::Pushed { hours } => format!("pushed {hours} hours ago, and the registry still has the same image"),
        Reason::NotPushed { task_id } => format!("task {task_id} made it and did not push it"),
        Reason::Nameless { task_id } => format!("task {task_id} made it, and its name belongs to a newer image"),
        Reason::Unused { hours } => format!("no task used it for {hours} hours"),
        Reason::OverBudget { used_bytes, budget_bytes } => {
            format!("the build cache has {} and may have {}", gigabytes(*used_bytes), gigabytes(*budget_bytes))
        }
        Reason::Container => "a container uses it".to_owned(),
        Reason::UnfinishedTask => "an unfinished task needs it".to_owned(),
        Reason::BaseImage => "it is offered as a base image".to_owned(),
        Reason::NotInRegistry => "the registry does not have the image that was pushed".to_owned(),
        Reason::Refused(words) => format!("it cannot go now: {words}"),
    }
}

fn deletion(step: &DeletionStep) -> String {
    match step {
        DeletionStep::RemovedFromDaemon => "Removed from the Docker server".to_owned(),
        DeletionStep::NotOnDaemon => "The Docker server had none".to_owned(),
        DeletionStep::KeptByDaemon(words) => format!("The Docker server keeps it: {words}"),
        DeletionStep::RemovedFromList => "Removed from the list of images".to_owned(),
        DeletionStep::NotInRegistry => "The registry had none".to_owned(),
        DeletionStep::RemovedFromRegistry => "Removed from the registry".to_owned(),
    }
}

fn unreadable(problem: SbomProblem) -> String {
    match problem {
        SbomProblem::Gone => "neither the Docker server nor the registry has it any more; rebuild the task".to_owned(),
        SbomProblem::NoShell => "it has no /bin/sh that runs on the Docker server".to_owned(),
        SbomProblem::CutShort => "reading it ended early; try again, and look at the image if it stays".to_owned(),
        SbomProblem::TooLong { limit_bytes } => {
            format!("its package databases tell more than {limit_bytes} bytes, which no real image does")
        }
        SbomProblem::Stopping => "the service stops; try again in a moment".to_owned(),
    }
}

fn not_scanned(reason: &NotScanned) -> String {
    match reason {
        NotScanned::NotPushed => "The task has pushed no image.".to_owned(),
        NotScanned::Elsewhere => "The image is not in our Harbor.".to_owned(),
        NotScanned::NoHarbor => "The registry is no Harbor, so it has no scanner.".to_owned(),
        NotScanned::NoScanner => {
            "The Harbor project has no scanner. Its administrator can add one and make it the default.".to_owned()
        }
        NotScanned::NotYet => "Harbor has not scanned this image. Start a scan in Harbor if one is wanted.".to_owned(),
        NotScanned::Unanswered { reason } => format!("Harbor could not be asked: {reason}"),
    }
}

fn upload(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::FileName => "a file name may hold letters, digits and . _ + - only",
        Refusal::Temporary => "names that start with .upload- are kept for uploads under way",
        Refusal::Installer => "the installer is unknown; use apt, yum, pip or conda",
        Refusal::Unplaced => {
            "the name does not say what it is for; name the installer, or end it in .list, .sources, .repo, pip.conf or \
             .condarc"
        }
        Refusal::Mirror => "a type may hold letters, digits and . _ + - only",
        Refusal::FileType => "the file_type is unknown; use source, python, pip or conda",
        Refusal::Occupied => {
            "a directory or file lies in its place; choose another name or type, or have it moved away"
        }
        Refusal::ReadOnly => "the directory cannot be written; have its permissions checked",
    }
}

fn address(problem: &AddressError) -> &'static str {
    match problem {
        AddressError::Host => "is neither an IP address nor a domain name",
        AddressError::Unspecified => "stands for every address and cannot be called; give the address others use",
        AddressError::SocketPath => "is no socket; write it as unix:///path/to/docker.sock",
        AddressError::Registry => "is neither an IP address nor a domain name with an optional port",
    }
}

fn missing(files: &[TlsFile]) -> String {
    let names = files.iter().map(|file| format!("{} (or {})", file.names()[0], file.names()[1]));
    names.collect::<Vec<_>>().join(", ")
}

fn part_list(parts: &[Part]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn header(error: &HeaderError) -> String {
    match error {
        HeaderError::Name(name) => format!("'{name}' is no name of an HTTP header."),
        HeaderError::Value(name) => format!("The value of the header '{name}' holds characters that are not allowed."),
        HeaderError::Reserved(name) => format!("The header '{name}' is set by the connection itself; leave it out."),
        HeaderError::TooMany(limit) => format!("More than {limit} headers; leave some out."),
    }
}

fn beyond(excess: Excess) -> String {
    match excess {
        Excess::Slow { seconds } => format!(
            "The body of the request came too slowly: it may pause for {seconds} s and must keep a least rate. Send it again."
        ),
        Excess::Head { headers, bytes } => format!(
            "The head of the request is too large: at most {headers} headers and {bytes} bytes together are accepted."
        ),
    }
}

fn access(refusal: AccessRefusal) -> String {
    match refusal {
        AccessRefusal::TokenMissing => {
            "This service asks for a token: send it as 'Authorization: Bearer <token>'. Its administrator gives you one."
                .to_owned()
        }
        AccessRefusal::TokenRefused => {
            "The token is unknown, has expired or was revoked. Ask the administrator for a new one.".to_owned()
        }
        AccessRefusal::RoleLacking(role) => {
            format!("This needs a token with the role '{role}'. Ask the administrator for one.")
        }
        AccessRefusal::ForeignPage => {
            "Refused: the request does not come from a page of this service, or the page is out of date. Load it again."
                .to_owned()
        }
        AccessRefusal::HostUnknown => {
            "The service was called by a name it does not know (the Host header). Call it by localhost or its configured \
             host, or add the name to [access] hosts."
                .to_owned()
        }
    }
}
