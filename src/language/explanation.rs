//! What happened to a task, in the reader's language. Quoted words of others stay as they are, under a title.

use super::{Language, title};
use crate::cause::Cause;
use crate::explanation::{Explanation, Said};

/// What happened, said in a language; the cause gives quoted words their title.
pub fn explain(explanation: &Explanation, cause: Option<Cause>, language: Language) -> String {
    match (explanation, language) {
        (Explanation::Plain(text), _) => text.clone(),
        (Explanation::Said(said), Language::English) => english(said),
        (Explanation::Said(said), Language::Chinese) => chinese(said, cause.unwrap_or(Cause::Internal)),
    }
}

fn chinese(said: &Said, cause: Cause) -> String {
    match said {
        Said::Quoted { words } => format!("{}：{words}", title(cause, Language::Chinese)),
        Said::Internal { what } => format!("服务内部故障（供管理员参考：{what}）"),
        Said::SourceMismatch { file, os } => {
            format!("软件源文件“{file}”与基础镜像的操作系统 {os} 不匹配：文件名中的数字不在该系统的版本号中")
        }
        Said::OtherInstaller { wanted, found, os } => {
            format!("请求使用 {wanted} 安装软件，但基础镜像（{os}）使用 {found}")
        }
        Said::OtherArchitecture { installer, built_for, architecture } => {
            format!("安装包“{installer}”适用于 {built_for}，但基础镜像是 {architecture}")
        }
        Said::InstallerMissing { needed, file, directory } => {
            format!("安装 {needed} 需要 {directory} 中的“{file}”，但该文件不存在")
        }
        Said::NoPackageManager { os } => format!("基础镜像（{os}）没有 apt、yum 或 dnf"),
        Said::OnBuild { trigger } => format!(
            "基础镜像会在每次基于它的构建中执行 ONBUILD {trigger}，所需文件不在请求中：请先单独构建该镜像，再以其结果作为基础镜像"
        ),
        Said::Unwritable { words } => format!("基础镜像中的某个值无法写入 Dockerfile：{words}"),
        Said::FileMissing { kind, name } => format!("{kind} 文件“{name}”不存在"),
        Said::FileTooLarge { name, limit_bytes } => format!("文件“{name}”超过 {limit_bytes} 字节的上限"),
        Said::BaseReplaced { image } => {
            format!(
                "任务运行期间基础镜像 {image} 从 Docker 服务器上被删除，而仓库中该名称已是另一个镜像：请重新提交请求"
            )
        }
        Said::NoShell { image, found } => format!("镜像 {image} 中没有可以运行的 /bin/sh：{found}"),
        Said::UnsupportedBase { image, found } => {
            format!("不支持镜像 {image}：发现的是 {found}，而 FastBuild 需要 apt、yum 或 dnf")
        }
        Said::InspectionCutOff { image, exit_code, last_line } => {
            format!("对镜像 {image} 的检查提前结束（退出码 {exit_code}）：{last_line}")
        }
        Said::InspectionRefused { image, words } => format!("无法检查镜像 {image}：{words}"),
        Said::StageTimeout { stage, seconds } => format!("阶段 {stage} 超过了 {seconds} 秒的时间上限"),
        Said::StageSilent { stage, seconds } => format!("阶段 {stage} 在 {seconds} 秒内没有任何动静"),
        Said::StageStuck { stage, seconds } => format!("阶段 {stage} 超过时间上限 {seconds} 秒后仍未结束，已被放弃"),
        Said::TaskTimeout => "任务超过了 limits.task_seconds 规定的时间上限".to_owned(),
        Said::ImageTooLarge { size, limit } => {
            format!("镜像大小为 {size} GB，超过 build.max_image_size_gb = {limit}")
        }
        Said::NameTaken { image } => {
            format!(
                "推送期间，Docker 服务器上的镜像名“{image}”一再被指向其他镜像，或构建出的镜像已被删除：请确认没有其他程序使用该名称"
            )
        }
        Said::Cancelled => "已按要求取消".to_owned(),
        Said::Restless { interruptions } => format!("本服务 {interruptions} 次退出都中断了该任务，因此放弃"),
        Said::NotConfigured { parts } => format!("尚未配置：{parts}"),
        Said::TakenOver { state } => {
            format!("从旧服务接管时该任务尚未结束（状态“{state}”），请重新提交请求")
        }
    }
}

fn english(said: &Said) -> String {
    match said {
        Said::Quoted { words } => words.clone(),
        Said::Internal { what } => what.clone(),
        Said::SourceMismatch { file, os } => {
            format!("the source file {file} does not fit {os}: the numbers in its name are not in the image's version")
        }
        Said::OtherInstaller { wanted, found, os } => {
            format!("the request installs packages with {wanted}, but the base image ({os}) has {found}")
        }
        Said::OtherArchitecture { installer, built_for, architecture } => {
            format!("{installer} is for {built_for}, but the base image is for {architecture}")
        }
        Said::InstallerMissing { needed, file, directory } => {
            format!("{needed} needs {file}, which is not in {directory}")
        }
        Said::NoPackageManager { os } => format!("the base image ({os}) has neither apt nor yum nor dnf"),
        Said::OnBuild { trigger } => format!(
            "the base image runs ONBUILD {trigger} in every build from it, which needs files that no request brings: build it once by itself and use the result as the base"
        ),
        Said::Unwritable { words } => format!("the Dockerfile cannot be written: {words}"),
        Said::FileMissing { kind, name } => format!("there is no {kind} file {name}"),
        Said::FileTooLarge { name, limit_bytes } => format!("{name} is larger than {limit_bytes} bytes"),
        Said::BaseReplaced { image } => format!(
            "the base image {image} was removed from the Docker server while the task ran, and its registry has another one by now: send the request again"
        ),
        Said::NoShell { image, found } => format!("{image} has no shell /bin/sh that runs here: {found}"),
        Said::UnsupportedBase { image, found } => {
            format!("{image} is not supported: it is {found}; FastBuild needs apt, yum or dnf")
        }
        Said::InspectionCutOff { image, exit_code, last_line } => {
            format!("the inspection of {image} ended early (exit code {exit_code}): {last_line}")
        }
        Said::InspectionRefused { image, words } => format!("{image} could not be inspected: {words}"),
        Said::StageTimeout { stage, seconds } => {
            format!("the stage {stage} took longer than its limit of {seconds} seconds")
        }
        Said::StageSilent { stage, seconds } => format!("nothing moved in the stage {stage} for {seconds} s"),
        Said::StageStuck { stage, seconds } => {
            format!("the stage {stage} did not end within {seconds} s of its limit and was given up")
        }
        Said::TaskTimeout => "the task took longer than limits.task_seconds".to_owned(),
        Said::ImageTooLarge { size, limit } => {
            format!("the image has {size} GB, more than build.max_image_size_gb = {limit}")
        }
        Said::NameTaken { image } => format!(
            "while {image} was pushed, others gave this name to another image on the Docker server again and again, or removed the built image: see who else uses the name there"
        ),
        Said::Cancelled => "cancelled on request".to_owned(),
        Said::Restless { interruptions } => {
            format!("given up after {interruptions} interruptions by the end of this service")
        }
        Said::NotConfigured { parts } => format!("not configured: {parts}"),
        Said::TakenOver { state } => {
            format!(
                "the old service had not ended this task (state '{state}') when it was taken over; send the request again"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Said> {
        let text = || "h/a:1".to_owned();
        vec![
            Said::Quoted { words: text() },
            Said::Internal { what: text() },
            Said::SourceMismatch { file: text(), os: text() },
            Said::OtherInstaller { wanted: text(), found: text(), os: text() },
            Said::OtherArchitecture { installer: text(), built_for: text(), architecture: text() },
            Said::InstallerMissing { needed: text(), file: text(), directory: text() },
            Said::NoPackageManager { os: text() },
            Said::Unwritable { words: text() },
            Said::OnBuild { trigger: text() },
            Said::FileMissing { kind: text(), name: text() },
            Said::FileTooLarge { name: text(), limit_bytes: 42 },
            Said::BaseReplaced { image: text() },
            Said::NoShell { image: text(), found: text() },
            Said::UnsupportedBase { image: text(), found: text() },
            Said::InspectionCutOff { image: text(), exit_code: 42, last_line: text() },
            Said::InspectionRefused { image: text(), words: text() },
            Said::StageTimeout { stage: text(), seconds: 42 },
            Said::StageSilent { stage: text(), seconds: 42 },
            Said::StageStuck { stage: text(), seconds: 42 },
            Said::TaskTimeout,
            Said::ImageTooLarge { size: text(), limit: text() },
            Said::NameTaken { image: text() },
            Said::Cancelled,
            Said::Restless { interruptions: 42 },
            Said::NotConfigured { parts: text() },
            Said::TakenOver { state: text() },
        ]
    }

    #[test]
    fn every_explanation_is_said_in_both_languages() {
        for said in samples() {
            let explanation = Explanation::from(said);
            let [chinese, english] = Language::ALL.map(|language| explain(&explanation, None, language));
            assert!(Language::is_chinese(&chinese), "{chinese}");
            assert!(!english.is_empty() && !Language::is_chinese(&english), "{english}");
            for value in ["h/a:1", "42"] {
                assert_eq!(chinese.matches(value).count(), english.matches(value).count(), "{chinese} / {english}");
            }
        }
    }

    #[test]
    fn words_of_others_stay_as_they_are() {
        let words = Explanation::quoted("manifest unknown");
        let chinese = explain(&words, Some(Cause::BaseNotFound), Language::Chinese);
        assert_eq!(chinese, "找不到基础镜像：manifest unknown");
        let plain = Explanation::from_stored("E: Unable to locate package nope");
        for language in Language::ALL {
            assert_eq!(explain(&plain, Some(Cause::PackageNotFound), language), "E: Unable to locate package nope");
        }
    }
}
