//! What to do about the cause of a failed task.

use super::Language;
use crate::cause::Cause;

/// What a person can do about a cause.
pub fn hint(cause: Cause, language: Language) -> &'static str {
    let [chinese, english] = words(cause);
    match language {
        Language::Chinese => chinese,
        Language::English => english,
    }
}

fn words(cause: Cause) -> [&'static str; 2] {
    match cause {
        Cause::BaseNotFound => [
            "请检查基础镜像的名称和标签是否正确，以及仓库中是否存在该镜像。",
            "Check the base image's name and tag, and that the registry has it.",
        ],
        Cause::RegistryAuth => [
            "请检查 Harbor 的用户名、密码以及该帐号对项目的拉取和推送权限，然后用 update-harbor 更新配置。",
            "Check Harbor's user name and password and that the account may pull from and push to the project, then update \
             Harbor's configuration.",
        ],
        Cause::RegistryTls => [
            "Docker 服务器不信任仓库的证书：请在该服务器上安装仓库的 CA，或将仓库登记为 insecure-registries。",
            "The Docker server does not trust the registry's certificate: install the registry's CA there, or list the \
             registry under insecure-registries.",
        ],
        Cause::RegistryUnreachable => [
            "请检查仓库是否运行，以及 Docker 服务器能否访问它；恢复后可重新构建。",
            "Check that the registry runs and that the Docker server can reach it; rebuild once it is back.",
        ],
        Cause::QuotaExceeded => [
            "仓库项目的配额已满：请删除不需要的镜像或请管理员增加配额。",
            "The registry's project is full: delete images that nobody needs or ask for a larger quota.",
        ],
        Cause::TagImmutable => {
            ["仓库禁止覆盖此标签：请换一个标签。", "The registry forbids overwriting this tag: choose another tag."]
        }
        Cause::UnsupportedBase => [
            "请换一个使用 apt、yum 或 dnf 的基础镜像，并确认安装包与其 CPU 架构一致。",
            "Choose a base image with apt, yum or dnf, and installers made for its architecture.",
        ],
        Cause::SourceMismatch => [
            "请选择与基础镜像操作系统版本一致的软件源文件，或不选择软件源。",
            "Choose a source file that fits the base image's OS release, or none.",
        ],
        Cause::InstallerMissing => [
            "请上传缺少的安装包或软件源文件，或在请求中选择已有的文件。",
            "Upload the missing installer or source file, or choose one that is there.",
        ],
        Cause::PackageNotFound => [
            "请检查软件包的名称和版本，或换一个含有它的软件源。",
            "Check the package's name and version, or choose a mirror that has it.",
        ],
        Cause::PackageConflict => [
            "所选软件包互相冲突：请去掉或放宽其中的版本要求。",
            "The packages contradict each other: drop or relax one of the versions.",
        ],
        Cause::MirrorUnreachable => [
            "Docker 服务器无法访问软件源：请检查网络和代理设置，或换一个软件源。",
            "The Docker server cannot reach the package mirror: check network and proxy settings, or choose another mirror.",
        ],
        Cause::BuildStepFailed => {
            ["请查看构建日志中失败步骤的最后几行输出。", "Look at the last lines of the failed step in the build log."]
        }
        Cause::ImageTooLarge => [
            "请减少要安装的软件、换用更小的基础镜像，或请管理员提高 build.max_image_size_gb。",
            "Install less, choose a smaller base image, or have build.max_image_size_gb raised.",
        ],
        Cause::DiskFull => [
            "磁盘已满：请管理员清理 Docker 服务器或本服务的磁盘，然后重新构建。",
            "A disk is full: free space on the Docker server or on this service's disk, then rebuild.",
        ],
        Cause::OutOfMemory => [
            "内存不足：请减少同时进行的构建或为 Docker 服务器增加内存。",
            "Memory ran out: run fewer builds at a time or give the Docker server more memory.",
        ],
        Cause::Timeout => [
            "超过时间上限：请检查软件源的速度，或提高 [limits] 中的时间上限。",
            "The time limit was reached: check the mirror's speed, or raise the limit under [limits].",
        ],
        Cause::IdleTimeout => [
            "长时间没有任何输出：请检查软件源和仓库是否可用，或提高 limits.idle_seconds。",
            "Nothing moved for too long: check mirror and registry, or raise limits.idle_seconds.",
        ],
        Cause::DaemonLost => [
            "与 Docker 服务器的连接中断：请检查该服务器，恢复后可重新构建。",
            "The Docker server went away: check it, and rebuild once it is back.",
        ],
        Cause::Cancelled => ["任务已被取消：需要时可重新构建。", "The task was cancelled: rebuild it if it is needed."],
        Cause::Internal => [
            "服务内部故障：请将任务 ID 和日志交给管理员。",
            "A fault of this service: give the task's number and the log to its administrator.",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_hint_in_both_languages() {
        for cause in Cause::ALL {
            assert!(Language::is_chinese(hint(cause, Language::Chinese)), "{cause}");
            let english = hint(cause, Language::English);
            assert!(english.ends_with('.') && !Language::is_chinese(english), "{cause}");
        }
    }
}
