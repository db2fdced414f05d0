//! The name of a cause for people.

use super::Language;
use crate::cause::Cause;

/// A cause's name in a language.
pub fn title(cause: Cause, language: Language) -> &'static str {
    let [chinese, english] = words(cause);
    match language {
        Language::Chinese => chinese,
        Language::English => english,
    }
}

fn words(cause: Cause) -> [&'static str; 2] {
    match cause {
        Cause::BaseNotFound => ["找不到基础镜像", "Base image not found"],
        Cause::RegistryAuth => ["仓库拒绝该帐号", "Registry refused the account"],
        Cause::RegistryTls => ["仓库证书不受信任", "Registry's certificate is not trusted"],
        Cause::RegistryUnreachable => ["仓库没有响应", "Registry does not answer"],
        Cause::QuotaExceeded => ["仓库项目配额已满", "Registry project is full"],
        Cause::TagImmutable => ["标签不允许覆盖", "Tag must not be overwritten"],
        Cause::UnsupportedBase => ["不支持该基础镜像", "Base image is not supported"],
        Cause::SourceMismatch => ["软件源与系统不符", "Mirror does not fit the system"],
        Cause::InstallerMissing => ["缺少安装包或软件源文件", "Installer or mirror file is missing"],
        Cause::PackageNotFound => ["找不到软件包", "Package not found"],
        Cause::PackageConflict => ["软件包互相冲突", "Packages contradict each other"],
        Cause::MirrorUnreachable => ["软件源没有响应", "Mirror does not answer"],
        Cause::BuildStepFailed => ["构建步骤失败", "A build step failed"],
        Cause::ImageTooLarge => ["镜像过大", "Image is too large"],
        Cause::DiskFull => ["磁盘已满", "Disk is full"],
        Cause::OutOfMemory => ["内存不足", "Out of memory"],
        Cause::Timeout => ["超过时间上限", "Time limit reached"],
        Cause::IdleTimeout => ["长时间没有输出", "No sign of life for too long"],
        Cause::DaemonLost => ["Docker 服务器连接中断", "Docker server went away"],
        Cause::Cancelled => ["已取消", "Cancelled"],
        Cause::Internal => ["服务内部故障", "Fault of the service"],
    }
}
