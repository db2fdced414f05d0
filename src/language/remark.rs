//! What a recipe says about itself.

use super::Language;
use crate::recipe::Remark;

/// A remark in a language.
pub fn remark(remark: &Remark, language: Language) -> String {
    match language {
        Language::Chinese => chinese(remark),
        Language::English => english(remark),
    }
}

fn chinese(remark: &Remark) -> String {
    match remark {
        Remark::StartsAsRoot { user } => {
            format!("sshd 需要 root：镜像以 root 启动，启动脚本以 {user} 运行其余程序")
        }
        Remark::CondaInstalled { file, prefix } => {
            format!("从 {file} 将 conda 安装到 {prefix}，该构建阶段可与其他请求共用")
        }
        Remark::CondaEnvironment { environment } => format!("基础镜像没有 conda 环境“{environment}”，将创建它"),
        Remark::AptMirror { file, aside } => format!("apt 使用 {file}，基础镜像原有的软件源移至 {aside}"),
        Remark::YumMirror { file } => format!("yum 使用 {file}，取代基础镜像原有的软件源"),
        Remark::ToolMirror { tool, file, destination } => format!("{tool} 使用 {file}，写入 {destination}"),
        Remark::PythonBuilt { file, prefix } => {
            format!("从 {file} 编译 Python 并安装到 {prefix}，该构建阶段可与其他请求共用")
        }
        Remark::TravelsOnce { file, size_bytes, image } => {
            format!("{file}（{size_bytes} 字节）只向 Docker 服务器发送一次，保存为 {image}")
        }
        Remark::Uv => "若 uv 可用则由 uv 安装 pip 软件包，否则使用 pip".to_owned(),
        Remark::StartScript { script, services } => format!("镜像启动时运行 {script}，随后启动 {services}"),
        Remark::ServesAlready => "基础镜像已提供所需服务，保留其启动脚本".to_owned(),
        Remark::OldOpenSsl { file, os } => {
            format!("{file} 需要 OpenSSL 1.1.1，而 {os} 没有：“import ssl”检查将失败")
        }
    }
}

fn english(remark: &Remark) -> String {
    match remark {
        Remark::StartsAsRoot { user } => {
            format!("sshd needs root: the image starts as root, and the start script runs the rest as {user}")
        }
        Remark::CondaInstalled { file, prefix } => {
            format!("conda is installed from {file} under {prefix}, in a stage that other requests share")
        }
        Remark::CondaEnvironment { environment } => {
            format!("the base has no conda environment '{environment}': it is created")
        }
        Remark::AptMirror { file, aside } => format!("apt reads {file}; the base's own sources are in {aside}"),
        Remark::YumMirror { file } => format!("yum reads {file} in place of the base's own repositories"),
        Remark::ToolMirror { tool, file, destination } => format!("{tool} reads {file} as {destination}"),
        Remark::PythonBuilt { file, prefix } => {
            format!("Python is built from {file} under {prefix}, in a stage that other requests share")
        }
        Remark::TravelsOnce { file, size_bytes, image } => {
            format!("{file} ({size_bytes} bytes) travels to the Docker server once, as {image}")
        }
        Remark::Uv => "uv installs the pip packages where it can be had, otherwise pip does".to_owned(),
        Remark::StartScript { script, services } => format!("the image starts {script}, then {services}"),
        Remark::ServesAlready => {
            "the base image serves what is asked for already and keeps its start script".to_owned()
        }
        Remark::OldOpenSsl { file, os } => {
            format!("{file} needs OpenSSL 1.1.1, which {os} does not have: its check 'import ssl' will fail")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_remark_is_said_in_both_languages() {
        let text = || "h/a:1".to_owned();
        for sample in [
            Remark::StartsAsRoot { user: text() },
            Remark::CondaInstalled { file: text(), prefix: "/p" },
            Remark::CondaEnvironment { environment: "default" },
            Remark::AptMirror { file: text(), aside: "/p" },
            Remark::YumMirror { file: text() },
            Remark::ToolMirror { tool: text(), file: text(), destination: text() },
            Remark::PythonBuilt { file: text(), prefix: text() },
            Remark::TravelsOnce { file: text(), size_bytes: 1, image: text() },
            Remark::Uv,
            Remark::StartScript { script: "/p", services: text() },
            Remark::ServesAlready,
            Remark::OldOpenSsl { file: text(), os: text() },
        ] {
            let [chinese, english] = Language::ALL.map(|language| remark(&sample, language));
            assert!(Language::is_chinese(&chinese), "{chinese}");
            assert!(!english.is_empty() && !Language::is_chinese(&english), "{english}");
            for value in ["h/a:1", "/p", "default"] {
                assert_eq!(chinese.matches(value).count(), english.matches(value).count(), "{chinese} / {english}");
            }
        }
    }
}
