//! Why a field's text was refused, in both languages of the service.
//!
//! One variant per rule, so that the API can choose the words by the reader's language and tests can name the rule.

use std::fmt;

/// The rule that a text broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No plain file name.
    FileName,
    /// No installation directory.
    InstallDirectory,
    /// No version.
    Version,
    /// No OS package name.
    PackageName,
    /// A version stands beside an empty name.
    NameMissing,
    /// No PEP 508 requirement.
    Requirement,
    /// No pip version specifier.
    RequirementVersion,
    /// No PEP 508 marker.
    Marker,
    /// No conda package name.
    CondaName,
    /// No conda version.
    CondaVersion,
    /// Control characters in a text of one line.
    ControlCharacter,
    /// A text is too long.
    TooLong,
    /// A list is too long.
    TooMany,
    /// No image name.
    ImageName,
    /// The target names no tag.
    TargetTag,
    /// The target names a digest.
    TargetDigest,
    /// The name belongs to this service.
    ReservedName,
    /// No http(s) URL.
    CallbackUrl,
    /// Neither apt nor yum nor dnf.
    OsInstaller,
    /// A source has a type but no file, or a file but no type.
    SourceIncomplete,
    /// No base64 of an AES block text under the configured key.
    Undecryptable,
    /// The password holds a character that no login can take.
    Password,
}

impl Reason {
    /// In English.
    pub fn english(self) -> &'static str {
        match self {
            Self::FileName => "must be a plain file name: letters, digits and . _ + - only, not starting with a dash",
            Self::InstallDirectory => {
                "must be an absolute directory of its own, such as /usr/local/dros/python: no system directory, \
                 no '..', letters, digits and . _ + - / only"
            }
            Self::Version => {
                "must be a version: letters, digits and . + ~ ^ _ - only, perhaps behind an epoch, starting and ending with a letter or digit"
            }
            Self::PackageName => {
                "must be a package name: letters, digits and + . _ - only, starting with a letter or digit, \
                 not ending in - or a single +"
            }
            Self::NameMissing => "must name a package, since a version is given",
            Self::Requirement => {
                "must be a requirement as PEP 508 writes it, such as name[extra]>=1.0; no URL, path, option or comment"
            }
            Self::RequirementVersion => "must be a version or a specifier such as 1.0, ==1.0 or >=1.0,<2",
            Self::Marker => "must be an environment marker as PEP 508 writes it, such as python_version < \"3.9\"",
            Self::CondaName => "must be a conda package name, perhaps with its channel: channel::name",
            Self::CondaVersion => "must be a conda version such as 1.2, 1.2.* or >=1.2,<2",
            Self::ControlCharacter => "must not hold line breaks or other control characters",
            Self::TooLong => "is too long",
            Self::TooMany => "has too many entries",
            Self::ImageName => "must be an image name: [registry[:port]/]repository:tag, in lower case",
            Self::TargetTag => "must name a tag: repository:tag",
            Self::TargetDigest => "must name a tag and no digest",
            Self::ReservedName => "must not be under fastbuild.invalid, where this service holds images on the daemon",
            Self::CallbackUrl => "must be an http or https URL without user name and password, or empty",
            Self::OsInstaller => "must be apt, yum, dnf or empty",
            Self::SourceIncomplete => "must come together: type and file_name, or neither",
            Self::Undecryptable => {
                "cannot be decrypted with the configured key: base64 of AES-CBC with PKCS#7 padding is expected"
            }
            Self::Password => "decrypts to a password that cannot work: it holds a line break or a zero character",
        }
    }

    /// In Chinese.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::FileName => "必须是普通文件名：只能包含字母、数字和 . _ + -，且不能以 - 开头",
            Self::InstallDirectory => {
                "必须是独立的绝对目录，例如 /usr/local/dros/python：不能是系统目录，不能包含 ..，只能包含字母、数字和 . _ + - /"
            }
            Self::Version => "必须是版本号：只能包含字母、数字和 . + ~ ^ _ -（可带 epoch），并以字母或数字开头和结尾",
            Self::PackageName => {
                "必须是软件包名：只能包含字母、数字和 + . _ -，以字母或数字开头，且不能以 - 或单个 + 结尾"
            }
            Self::NameMissing => "给出了版本号，必须同时给出软件包名",
            Self::Requirement => "必须是符合 PEP 508 的依赖说明，例如 name[extra]>=1.0；不能是 URL、路径、选项或注释",
            Self::RequirementVersion => "必须是版本号或版本约束，例如 1.0、==1.0 或 >=1.0,<2",
            Self::Marker => "必须是符合 PEP 508 的环境标记，例如 python_version < \"3.9\"",
            Self::CondaName => "必须是 conda 软件包名，可以带频道：channel::name",
            Self::CondaVersion => "必须是 conda 版本号，例如 1.2、1.2.* 或 >=1.2,<2",
            Self::ControlCharacter => "不能包含换行或其他控制字符",
            Self::TooLong => "过长",
            Self::TooMany => "条目过多",
            Self::ImageName => "必须是镜像名：[仓库地址[:端口]/]名称:标签，使用小写字母",
            Self::TargetTag => "必须带有标签：名称:标签",
            Self::TargetDigest => "必须带有标签，且不能带摘要",
            Self::ReservedName => "不能位于 fastbuild.invalid 之下，该名称由本服务在 Docker 服务器上使用",
            Self::CallbackUrl => "必须是不带用户名和密码的 http 或 https 地址，或者为空",
            Self::OsInstaller => "必须是 apt、yum、dnf 或为空",
            Self::SourceIncomplete => "type 与 file_name 必须同时给出，或者都不给出",
            Self::Undecryptable => "无法用配置的密钥解密：应为 AES-CBC（PKCS#7 填充）密文的 base64",
            Self::Password => "解密后的密码无法使用：包含换行或空字符",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.english())
    }
}
