//! Everything this service tells a person in an envelope, with the values that belong into it.

use super::{Language, chinese, english};
use crate::access::Refusal;
use crate::callback::RefusedAddress;
use crate::catalogue::Refusal as UploadRefusal;
use crate::cause::Cause;
use crate::disk::LowDisk;
use crate::explanation::Explanation;
use crate::images::DeletionStep;
use crate::recipe::Remark;
use crate::request::RequestError;
use crate::retention::Reason;
use crate::sbom::SbomProblem;
use crate::scan::NotScanned;
use crate::site::{AddressError, HeaderError, Part, TlsFile};

/// What of a request goes beyond its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Its body did not come in time.
    Slow {
        /// The longest pause.
        seconds: u64,
    },
    /// Its head is too large.
    Head {
        /// How many headers it may have.
        headers: usize,
        /// How many bytes.
        bytes: usize,
    },
}

/// A message for a person.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// All parts are configured.
    Configured,
    /// The host is configured.
    HostUpdated {
        /// Address or name.
        host: String,
        /// Port.
        port: u16,
    },
    /// Harbor is configured.
    HarborUpdated,
    /// The Docker server is configured.
    DockerServerUpdated,
    /// Headers are stored.
    HeadersUpdated,
    /// A text is no address.
    AddressInvalid {
        /// Field as the client calls it.
        field: &'static str,
        /// The text.
        value: String,
        /// What is wrong.
        problem: AddressError,
    },
    /// The archive cannot be read as tar or tar.gz.
    TlsArchiveUnreadable {
        /// Field as the client calls it.
        field: &'static str,
    },
    /// The archive is too large.
    TlsArchiveTooLarge {
        /// Field as the client calls it.
        field: &'static str,
        /// Limit in bytes.
        limit_bytes: u64,
    },
    /// The archive has too many entries.
    TlsArchiveTooManyEntries {
        /// Field as the client calls it.
        field: &'static str,
        /// Limit.
        limit: usize,
    },
    /// An entry of the archive is not allowed.
    TlsArchiveEntry {
        /// Field as the client calls it.
        field: &'static str,
        /// The entry's path.
        path: String,
    },
    /// Files are missing in the archive.
    TlsArchiveLacks {
        /// Field as the client calls it.
        field: &'static str,
        /// The missing files.
        files: Vec<TlsFile>,
    },
    /// A file of the archive is no PEM.
    TlsFileNotPem {
        /// Field as the client calls it.
        field: &'static str,
        /// The file.
        file: &'static str,
    },
    /// A field should hold a PEM certificate.
    NoCertificate {
        /// Field as the client calls it.
        field: &'static str,
    },
    /// Parts of the site are not configured.
    NotConfigured {
        /// The parts.
        parts: Vec<Part>,
    },
    /// A callback header cannot be sent.
    HeaderInvalid(HeaderError),
    /// No callback was recorded yet.
    NoCallbackYet,
    /// No host was ever configured.
    NoHostYet,
    /// A request is larger than its limit.
    BodyTooLarge {
        /// Limit in bytes.
        limit_bytes: u64,
    },
    /// A request takes too long or carries too much beside its body.
    Excess(Excess),
    /// Whoever asks may not.
    Access(Refusal),
    /// There is no such task.
    TaskUnknown {
        /// Task number.
        task_id: i64,
    },
    /// There are no tasks at all.
    NoTasks,
    /// No task has that in its image's name.
    NoTaskForImage {
        /// Part of the name.
        image_name: String,
    },
    /// The task has not ended yet.
    TaskRunning {
        /// Task number.
        task_id: i64,
    },
    /// The task has ended already.
    TaskEnded {
        /// Task number.
        task_id: i64,
    },
    /// No image of that name is recorded.
    ImageUnknown {
        /// Name.
        image_name: String,
    },
    /// A text is no image name.
    ImageNameInvalid {
        /// The text.
        image_name: String,
    },
    /// The target's name is taken.
    NameInUse {
        /// Name.
        image_name: String,
        /// Task that has it; 0 for none, or one that the reader may not see.
        task_id: i64,
    },
    /// The source file belongs to another OS release.
    SourceMismatch {
        /// OS and version of the base image.
        os: String,
        /// The source file.
        file_name: String,
    },
    /// A source file is not there.
    SourceMissing {
        /// Tool.
        installer: String,
        /// Mirror.
        source_type: String,
        /// File.
        file_name: String,
    },
    /// An installer file is not there.
    InstallerMissing {
        /// Tool.
        installer: String,
        /// File.
        file_name: String,
    },
    /// A secret cannot be decrypted.
    SecretUndecryptable {
        /// Field.
        field: String,
    },
    /// An `Idempotency-Key` came with another request before.
    KeyReused {
        /// The task of that request; 0 for one that the reader may not see.
        task_id: i64,
    },
    /// Too many tasks wait.
    QueueFull {
        /// Limit.
        limit: u64,
        /// How many tasks would go before this one.
        position: i64,
    },
    /// Too many tasks of one user wait.
    UserLimit {
        /// The user.
        queue_user: String,
        /// Limit.
        limit: u64,
        /// How many tasks would go before this one.
        position: i64,
    },
    /// An upload has no place.
    UploadRefused {
        /// The file.
        file_name: String,
        /// The broken rule.
        refusal: UploadRefusal,
    },
    /// An uploaded file is larger than allowed.
    FileTooLarge {
        /// The file.
        file_name: String,
        /// Limit in bytes.
        limit_bytes: u64,
    },
    /// A file is built in and cannot be deleted.
    FileBuiltIn {
        /// The file.
        file_name: String,
    },
    /// A file was deleted.
    FileDeleted {
        /// The file.
        file_name: String,
    },
    /// Our own disk is full.
    DiskFull,
    /// A disk is below its watermark, so nothing is accepted.
    DiskLow(LowDisk),
    /// Why retention removes something, or leaves it.
    Retention(Reason),
    /// Something cannot be done, for a cause that tasks have as well.
    Failed {
        /// Cause, for the hint.
        cause: Cause,
        /// What happened.
        explanation: Explanation,
    },
    /// Fields of a build request hold what cannot be used.
    RequestRefused(RequestError),
    /// What a recipe says about itself.
    Remark(Remark),
    /// The target is in no registry of ours.
    ForeignTarget {
        /// Name.
        image_name: String,
    },
    /// The target's name is taken, as a preview says it.
    TargetInUse {
        /// Name.
        image_name: String,
    },
    /// The callback's receiver may not be called.
    CallbackRefused(RefusedAddress),
    /// A preview needs the base image on the daemon.
    BaseAbsent {
        /// Name.
        image_name: String,
    },
    /// An unfinished task needs the image.
    ImageInUse {
        /// Name.
        image_name: String,
        /// Task that needs it; 0 for one that the reader may not see.
        task_id: i64,
    },
    /// Only what a task of ours pushed is deleted from the registry.
    ImageNotOurs {
        /// Name.
        image_name: String,
    },
    /// The tag stands for something else in the registry by now.
    ImageMoved {
        /// Name.
        image_name: String,
    },
    /// Other tags of the registry would go with it.
    ImageShared {
        /// Name.
        image_name: String,
        /// They.
        tags: String,
    },
    /// What one step of a deletion did.
    Deletion(DeletionStep),
    /// An image is offered as a base.
    BaseAdded {
        /// Name.
        image_name: String,
    },
    /// An image is offered as a base once it is pulled.
    BasePulling {
        /// Name.
        image_name: String,
    },
    /// A waiting task was cancelled.
    TaskCancelled {
        /// Task number.
        task_id: i64,
    },
    /// A running task is being stopped.
    TaskStopping {
        /// Task number.
        task_id: i64,
    },
    /// A task's record and directory are gone.
    TaskDeleted {
        /// Task number.
        task_id: i64,
    },
    /// The task has pushed no image.
    TaskNotPushed {
        /// Task number.
        task_id: i64,
    },
    /// What is installed in an image cannot be read.
    SbomUnreadable {
        /// Name.
        image_name: String,
        /// What is wrong.
        problem: SbomProblem,
    },
    /// Why there is no scan.
    NotScanned(NotScanned),
    /// No such stage.
    StageUnknown {
        /// The text.
        stage: String,
    },
    /// A sealed value cannot be opened.
    SealedValueLocked,
    /// Another process locks our database.
    DatabaseBusy,
    /// A fault of ours.
    Internal,
}

impl Message {
    /// The words in a language.
    pub fn render(&self, language: Language) -> String {
        match language {
            Language::Chinese => chinese::words(self),
            Language::English => english::words(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn refused_request() -> RequestError {
        let cipher = crate::secret::PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").unwrap();
        let document = serde_json::json!({
            "webSSHSecret": "", "jupyterLabSecret": "",
            "task_data": {"task_name": "", "target_image_name": "h/A:1", "callback_url": ""},
            "dockerfile_json": {"base_image": "a", "maintainer": "", "image_installer_config": {}}
        });
        crate::request::BuildRequest::parse(document.to_string().as_bytes(), &cipher).unwrap_err()
    }

    #[expect(clippy::too_many_lines, reason = "the list of all messages")]
    fn samples() -> Vec<Message> {
        let field = "docker_tls_tar_file";
        let name = || "h/a:1".to_owned();
        vec![
            Message::Configured,
            Message::HostUpdated { host: name(), port: 1 },
            Message::HarborUpdated,
            Message::DockerServerUpdated,
            Message::HeadersUpdated,
            Message::AddressInvalid { field, value: name(), problem: AddressError::Host },
            Message::AddressInvalid { field, value: name(), problem: AddressError::Unspecified },
            Message::AddressInvalid { field, value: name(), problem: AddressError::SocketPath },
            Message::AddressInvalid { field, value: name(), problem: AddressError::Registry },
            Message::TlsArchiveUnreadable { field },
            Message::TlsArchiveTooLarge { field, limit_bytes: 8 },
            Message::TlsArchiveTooManyEntries { field, limit: 9 },
            Message::TlsArchiveEntry { field, path: "../x".to_owned() },
            Message::TlsArchiveLacks { field, files: TlsFile::ALL.to_vec() },
            Message::TlsFileNotPem { field, file: "ca.pem" },
            Message::NoCertificate { field },
            Message::NotConfigured { parts: vec![Part::Host, Part::Harbor, Part::DockerServer] },
            Message::HeaderInvalid(HeaderError::Name(name())),
            Message::HeaderInvalid(HeaderError::Value(name())),
            Message::HeaderInvalid(HeaderError::Reserved(name())),
            Message::HeaderInvalid(HeaderError::TooMany(64)),
            Message::NoCallbackYet,
            Message::NoHostYet,
            Message::BodyTooLarge { limit_bytes: 7 },
            Message::Excess(Excess::Slow { seconds: 42 }),
            Message::Excess(Excess::Head { headers: 42, bytes: 8 }),
            Message::Access(Refusal::TokenMissing),
            Message::Access(Refusal::TokenRefused),
            Message::Access(Refusal::RoleLacking(Role::Submit)),
            Message::Access(Refusal::ForeignPage),
            Message::Access(Refusal::HostUnknown),
            Message::TaskUnknown { task_id: 42 },
            Message::NoTasks,
            Message::NoTaskForImage { image_name: name() },
            Message::TaskRunning { task_id: 42 },
            Message::TaskEnded { task_id: 42 },
            Message::ImageUnknown { image_name: name() },
            Message::ImageNameInvalid { image_name: name() },
            Message::NameInUse { image_name: name(), task_id: 42 },
            Message::NameInUse { image_name: name(), task_id: 0 },
            Message::SourceMismatch { os: "Ubuntu 20.04".to_owned(), file_name: name() },
            Message::SourceMissing { installer: name(), source_type: name(), file_name: name() },
            Message::InstallerMissing { installer: name(), file_name: name() },
            Message::SecretUndecryptable { field: name() },
            Message::KeyReused { task_id: 42 },
            Message::KeyReused { task_id: 0 },
            Message::QueueFull { limit: 3, position: 42 },
            Message::UserLimit { queue_user: name(), limit: 3, position: 42 },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::FileName },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::Temporary },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::Installer },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::Unplaced },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::Mirror },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::FileType },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::Occupied },
            Message::UploadRefused { file_name: name(), refusal: UploadRefusal::ReadOnly },
            Message::FileTooLarge { file_name: name(), limit_bytes: 42 },
            Message::FileBuiltIn { file_name: name() },
            Message::FileDeleted { file_name: name() },
            Message::DiskFull,
            Message::DiskLow(LowDisk { name: "task", free_bytes: 1, needed_bytes: 42 << 30 }),
            Message::DiskLow(LowDisk { name: "database", free_bytes: 1, needed_bytes: 42 << 30 }),
            Message::DiskLow(LowDisk { name: "docker", free_bytes: 1, needed_bytes: 42 << 30 }),
            Message::Retention(Reason::Ended { days: 42, limit_days: 1 }),
            Message::Retention(Reason::NoTask { days: 42 }),
            Message::Retention(Reason::Old { limit_days: 42 }),
            Message::Retention(Reason::Pushed { hours: 42 }),
            Message::Retention(Reason::NotPushed { task_id: 42 }),
            Message::Retention(Reason::Nameless { task_id: 42 }),
            Message::Retention(Reason::Unused { hours: 42 }),
            Message::Retention(Reason::OverBudget { used_bytes: 42 << 30, budget_bytes: 1 }),
            Message::Retention(Reason::Container),
            Message::Retention(Reason::UnfinishedTask),
            Message::Retention(Reason::BaseImage),
            Message::Retention(Reason::NotInRegistry),
            Message::Retention(Reason::Refused(name())),
            Message::Failed { cause: Cause::RegistryAuth, explanation: Explanation::quoted(name()) },
            Message::Remark(Remark::Uv),
            Message::ForeignTarget { image_name: name() },
            Message::TargetInUse { image_name: name() },
            Message::RequestRefused(refused_request()),
            Message::CallbackRefused(RefusedAddress::Scheme),
            Message::CallbackRefused(RefusedAddress::NoHost),
            Message::CallbackRefused(RefusedAddress::Credentials),
            Message::CallbackRefused(RefusedAddress::Reserved([169, 254, 0, 1].into())),
            Message::CallbackRefused(RefusedAddress::DockerPort(2375)),
            Message::CallbackRefused(RefusedAddress::DockerServer(name())),
            Message::CallbackRefused(RefusedAddress::Denied(name())),
            Message::CallbackRefused(RefusedAddress::NotAllowed(name())),
            Message::BaseAbsent { image_name: name() },
            Message::ImageInUse { image_name: name(), task_id: 42 },
            Message::ImageInUse { image_name: name(), task_id: 0 },
            Message::ImageNotOurs { image_name: name() },
            Message::ImageMoved { image_name: name() },
            Message::ImageShared { image_name: name(), tags: "v1".to_owned() },
            Message::Deletion(DeletionStep::NotInRegistry),
            Message::Deletion(DeletionStep::RemovedFromDaemon),
            Message::Deletion(DeletionStep::NotOnDaemon),
            Message::Deletion(DeletionStep::KeptByDaemon(name())),
            Message::Deletion(DeletionStep::RemovedFromList),
            Message::Deletion(DeletionStep::RemovedFromRegistry),
            Message::BaseAdded { image_name: name() },
            Message::BasePulling { image_name: name() },
            Message::TaskCancelled { task_id: 42 },
            Message::TaskStopping { task_id: 42 },
            Message::TaskDeleted { task_id: 42 },
            Message::TaskNotPushed { task_id: 42 },
            Message::SbomUnreadable { image_name: name(), problem: SbomProblem::Gone },
            Message::SbomUnreadable { image_name: name(), problem: SbomProblem::NoShell },
            Message::SbomUnreadable { image_name: name(), problem: SbomProblem::CutShort },
            Message::SbomUnreadable { image_name: name(), problem: SbomProblem::TooLong { limit_bytes: 42 } },
            Message::SbomUnreadable { image_name: name(), problem: SbomProblem::Stopping },
            Message::NotScanned(NotScanned::NotPushed),
            Message::NotScanned(NotScanned::Elsewhere),
            Message::NotScanned(NotScanned::NoHarbor),
            Message::NotScanned(NotScanned::NoScanner),
            Message::NotScanned(NotScanned::NotYet),
            Message::NotScanned(NotScanned::Unanswered { reason: name() }),
            Message::StageUnknown { stage: name() },
            Message::SealedValueLocked,
            Message::DatabaseBusy,
            Message::Internal,
        ]
    }

    #[test]
    fn both_languages_speak() {
        for message in samples() {
            let chinese = message.render(Language::Chinese);
            let english = message.render(Language::English);
            assert!(Language::is_chinese(&chinese), "{chinese}");
            assert!(!english.is_empty() && !Language::is_chinese(&english), "{english}");
            for value in ["h/a:1", "42", "docker_tls_tar_file", "../x"] {
                assert_eq!(chinese.contains(value), english.contains(value), "{chinese} / {english}");
            }
        }
    }
}
