//! The messages in Chinese.

use super::{Excess, Language, Message, explain, gigabytes, hint, remark};
use crate::access::Refusal as AccessRefusal;
use crate::callback::RefusedAddress;
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
        Message::Configured => "FastBuild 配置成功".to_owned(),
        Message::HostUpdated { host, port } => format!("FastBuild 服务地址已更新为 {host}:{port}"),
        Message::HarborUpdated => "Harbor 配置成功".to_owned(),
        Message::DockerServerUpdated => "Docker 服务器配置成功".to_owned(),
        Message::HeadersUpdated => "回调请求头已保存，此后的回调将使用它们".to_owned(),
        Message::AddressInvalid { field, value, problem } => format!("{field}：“{value}”{}", address(problem)),
        Message::TlsArchiveUnreadable { field } => {
            format!("{field}：文件不是可读取的 tar 或 tar.gz，请重新打包三个 PEM 文件")
        }
        Message::TlsArchiveTooLarge { field, limit_bytes } => {
            format!("{field}：压缩包超过 {limit_bytes} 字节，其中只应有三个 PEM 文件")
        }
        Message::TlsArchiveTooManyEntries { field, limit } => {
            format!("{field}：压缩包中的条目超过 {limit} 个，其中只应有三个 PEM 文件")
        }
        Message::TlsArchiveEntry { field, path } => {
            format!("{field}：拒绝条目“{path}”，不允许链接、特殊文件、重复的文件或指向压缩包之外的路径")
        }
        Message::TlsArchiveLacks { field, files } => format!("{field}：压缩包中缺少 {}", missing(files)),
        Message::TlsFileNotPem { field, file } => format!("{field}：压缩包中的“{file}”不是 PEM 文件"),
        Message::NoCertificate { field } => format!("{field}：其中没有 PEM 证书"),
        Message::NotConfigured { parts } => {
            format!("{}尚未配置，请先配置（POST /config/config-fastbuild）", part_list(parts))
        }
        Message::HeaderInvalid(error) => header(error),
        Message::NoCallbackYet => "还没有回调记录，无法重新发送".to_owned(),
        Message::NoHostYet => "还没有服务地址记录".to_owned(),
        Message::BodyTooLarge { limit_bytes } => {
            format!("请求超过 {limit_bytes} 字节的上限，请减小请求或请管理员提高上限")
        }
        Message::Excess(excess) => beyond(*excess),
        Message::Access(refusal) => access(*refusal),
        Message::TaskUnknown { task_id } => format!("任务 {task_id} 不存在，请检查 task_id"),
        Message::NoTasks => "还没有任何任务".to_owned(),
        Message::NoTaskForImage { image_name } => format!("没有镜像名称包含“{image_name}”的任务"),
        Message::TaskRunning { task_id } => format!("任务 {task_id} 仍在进行，请等待其结束或先取消它"),
        Message::TaskEnded { task_id } => format!("任务 {task_id} 已经结束"),
        Message::ImageUnknown { image_name } => format!("镜像“{image_name}”不存在，请检查名称和标签"),
        Message::ImageNameInvalid { image_name } => {
            format!("“{image_name}”不是镜像名称，请写成 仓库地址/项目/镜像:标签")
        }
        Message::NameInUse { image_name, task_id: 0 } => {
            format!("镜像名“{image_name}”已被使用，请更改名称或标签")
        }
        Message::NameInUse { image_name, task_id } => {
            format!("镜像名“{image_name}”已被任务 {task_id} 使用，请更改名称或标签")
        }
        Message::SourceMismatch { os, file_name } => {
            format!("软件源文件“{file_name}”与基础镜像的操作系统 {os} 不匹配，请选择对应版本的文件")
        }
        Message::SourceMissing { installer, source_type, file_name } => {
            format!("{installer} 没有类型为“{source_type}”的软件源文件“{file_name}”，请从 /file/list-source 中选择")
        }
        Message::InstallerMissing { installer, file_name } => {
            format!("{installer} 没有安装包“{file_name}”，请从 /file/list-software 中选择或先上传")
        }
        Message::SecretUndecryptable { field } => format!("{field} 无法解密，请使用本服务所设置的 AES 密钥加密"),
        Message::KeyReused { task_id: 0 } => "该 Idempotency-Key 已用于另一个请求，新请求请使用新的键".to_owned(),
        Message::KeyReused { task_id } => {
            format!(
                "该 Idempotency-Key 已用于另一个请求（任务 {task_id}），新请求请使用新的键，重试请发送与原来相同的请求"
            )
        }
        Message::QueueFull { limit, position } => {
            format!("已有 {limit} 个任务在排队或运行，此任务之前有 {position} 个在等待，请待部分任务结束后重试")
        }
        Message::UserLimit { queue_user, limit, position } => format!(
            "用户“{queue_user}”已有 {limit} 个任务在排队或运行，此任务之前有 {position} 个在等待，请待部分任务结束后重试"
        ),
        Message::UploadRefused { file_name, refusal } => format!("“{file_name}”：{}", upload(*refusal)),
        Message::FileTooLarge { file_name, limit_bytes } => {
            format!("文件“{file_name}”超过 {limit_bytes} 字节的上限")
        }
        Message::FileBuiltIn { file_name } => format!("文件“{file_name}”是内置文件，不能删除"),
        Message::FileDeleted { file_name } => format!("文件“{file_name}”已删除"),
        Message::DiskFull => "本服务的磁盘已满，请管理员清理磁盘后重试".to_owned(),
        Message::DiskLow(low) => format!(
            "{}：{}的磁盘仅剩 {}，低于 {} 的下限，暂不接受新任务；清理磁盘后即自动恢复",
            Cause::DiskFull,
            disk(low.name),
            gigabytes(low.free_bytes),
            gigabytes(low.needed_bytes)
        ),
        Message::Retention(reason) => retention(reason),
        Message::Failed { cause, explanation } => {
            let explained = explain(explanation, Some(*cause), Language::Chinese);
            format!("{cause}：{explained}。{}", hint(*cause, Language::Chinese))
        }
        Message::RequestRefused(error) => error.chinese(),
        Message::Remark(said) => remark(said, Language::Chinese),
        Message::ForeignTarget { image_name } => {
            format!("“{image_name}”不在所配置的 Harbor 中，推送时不使用帐号")
        }
        Message::TargetInUse { image_name } => format!("“{image_name}”已被使用，提交时将被拒绝"),
        Message::CallbackRefused(refused) => receiver(refused),
        Message::BaseAbsent { image_name } => {
            format!("基础镜像“{image_name}”不在 Docker 服务器上，请先拉取（POST /task/pull-image）再预览")
        }
        Message::ImageInUse { image_name, task_id: 0 } => {
            format!("镜像“{image_name}”正被未结束的任务使用，请待其结束")
        }
        Message::ImageInUse { image_name, task_id } => {
            format!("镜像“{image_name}”正被任务 {task_id} 使用，请待其结束或先取消它")
        }
        Message::ImageNotOurs { image_name } => {
            format!("镜像“{image_name}”不是由本服务推送的，不会从仓库删除")
        }
        Message::ImageMoved { image_name } => {
            format!("仓库中的“{image_name}”已指向其他镜像，因此保留；如需删除，请在 Harbor 中操作")
        }
        Message::ImageShared { image_name, tags } => {
            format!("仓库中的“{image_name}”与标签 {tags} 是同一个镜像，因此保留")
        }
        Message::Deletion(step) => deletion(step),
        Message::BaseAdded { image_name } => format!("“{image_name}”已加入基础镜像列表"),
        Message::BasePulling { image_name } => format!("“{image_name}”已加入基础镜像列表，正在后台拉取"),
        Message::TaskCancelled { task_id } => format!("任务 {task_id} 已取消"),
        Message::TaskStopping { task_id } => format!("任务 {task_id} 正在停止"),
        Message::TaskDeleted { task_id } => format!("任务 {task_id} 的记录和目录已删除"),
        Message::TaskNotPushed { task_id } => {
            format!("任务 {task_id} 没有推送镜像，因此没有可列出的内容，请查询状态为 PUSH_SUCCESS 的任务")
        }
        Message::SbomUnreadable { image_name, problem } => {
            format!("无法读取镜像“{image_name}”中已安装的内容：{}", unreadable(*problem))
        }
        Message::NotScanned(reason) => not_scanned(reason),
        Message::StageUnknown { stage } => {
            format!("阶段“{stage}”不存在，请使用 pull、check、prepare、build 或 push")
        }
        Message::SealedValueLocked => {
            "已保存的密钥数据无法用现有密钥打开，请从备份恢复密钥文件或重新配置 Harbor".to_owned()
        }
        Message::DatabaseBusy => "数据库正被其他程序锁定（例如正在备份），请稍后重试".to_owned(),
        Message::Internal => "服务内部故障，请重试；若仍失败，请将本次应答的 X-Request-Id 交给管理员".to_owned(),
    }
}

fn disk(name: &str) -> &'static str {
    match name {
        "docker" => "Docker 服务器",
        "database" => "数据库",
        _ => "任务目录",
    }
}

fn retention(reason: &Reason) -> String {
    match reason {
        Reason::Ended { days, limit_days } => format!("任务已结束 {days} 天，保留期为 {limit_days} 天"),
        Reason::NoTask { days } => format!("没有对应的任务记录，已有 {days} 天未变动"),
        Reason::Old { limit_days } => format!("早于 {limit_days} 天的历史记录"),
        Reason::Pushed { hours } => format!("已推送 {hours} 小时，仓库中仍有同一镜像"),
        Reason::NotPushed { task_id } => format!("任务 {task_id} 未能推送该镜像"),
        Reason::Nameless { task_id } => format!("任务 {task_id} 的旧镜像，名称已属于更新的镜像"),
        Reason::Unused { hours } => format!("已有 {hours} 小时没有任务使用"),
        Reason::OverBudget { used_bytes, budget_bytes } => {
            format!("构建缓存为 {}，应不超过 {}", gigabytes(*used_bytes), gigabytes(*budget_bytes))
        }
        Reason::Container => "有容器正在使用".to_owned(),
        Reason::UnfinishedTask => "未结束的任务需要它".to_owned(),
        Reason::BaseImage => "是登记的基础镜像".to_owned(),
        Reason::NotInRegistry => "仓库中没有推送时的镜像".to_owned(),
        Reason::Refused(words) => format!("暂不能删除：{words}"),
    }
}

fn receiver(refused: &RefusedAddress) -> String {
    match refused {
        RefusedAddress::Scheme => "回调地址必须以 http:// 或 https:// 开头".to_owned(),
        RefusedAddress::NoHost => "回调地址没有主机名".to_owned(),
        RefusedAddress::Credentials => "回调地址不能包含用户名或密码".to_owned(),
        RefusedAddress::Reserved(address) => {
            format!("回调地址 {address} 是链路本地、站点本地、元数据、隧道、组播或未指定地址，回调不会发往这类地址")
        }
        RefusedAddress::DockerPort(port) => {
            format!("回调地址的端口 {port} 是 Docker 服务器的端口，回调不会发往该端口，请让接收方使用其他端口")
        }
        RefusedAddress::DockerServer(host) => format!("回调地址 {host} 是 Docker 服务器，回调不会发往该服务器"),
        RefusedAddress::Denied(host) => format!("回调地址 {host} 被设置 callback.deny 禁止"),
        RefusedAddress::NotAllowed(host) => format!("回调地址 {host} 不在设置 callback.allow 中"),
    }
}

fn deletion(step: &DeletionStep) -> String {
    match step {
        DeletionStep::RemovedFromDaemon => "已从 Docker 服务器删除".to_owned(),
        DeletionStep::NotOnDaemon => "Docker 服务器上没有该镜像".to_owned(),
        DeletionStep::KeptByDaemon(words) => format!("Docker 服务器保留了该镜像：{words}"),
        DeletionStep::RemovedFromList => "已从镜像列表删除".to_owned(),
        DeletionStep::NotInRegistry => "镜像仓库中没有该镜像".to_owned(),
        DeletionStep::RemovedFromRegistry => "已从镜像仓库删除".to_owned(),
    }
}

fn unreadable(problem: SbomProblem) -> String {
    match problem {
        SbomProblem::Gone => "Docker 服务器和仓库中都已没有该镜像，请重新构建任务".to_owned(),
        SbomProblem::NoShell => "镜像中没有能在 Docker 服务器上运行的 /bin/sh".to_owned(),
        SbomProblem::CutShort => "读取提前结束，请重试；若仍失败，请检查该镜像".to_owned(),
        SbomProblem::TooLong { limit_bytes } => {
            format!("其软件包数据库的内容超过 {limit_bytes} 字节，真实的镜像不会如此")
        }
        SbomProblem::Stopping => "服务正在停止，请稍后重试".to_owned(),
    }
}

fn not_scanned(reason: &NotScanned) -> String {
    match reason {
        NotScanned::NotPushed => "该任务没有推送镜像".to_owned(),
        NotScanned::Elsewhere => "镜像不在所配置的 Harbor 中".to_owned(),
        NotScanned::NoHarbor => "镜像仓库不是 Harbor，没有扫描器".to_owned(),
        NotScanned::NoScanner => "Harbor 项目没有扫描器，可由其管理员添加并设为默认".to_owned(),
        NotScanned::NotYet => "Harbor 尚未扫描该镜像，如有需要请在 Harbor 中启动扫描".to_owned(),
        NotScanned::Unanswered { reason } => format!("无法询问 Harbor：{reason}"),
    }
}

fn upload(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::FileName => "文件名只能使用字母、数字和 . _ + -",
        Refusal::Temporary => "以 .upload- 开头的名称保留给正在上传的文件",
        Refusal::Installer => "installer 无效，请使用 apt、yum、pip 或 conda",
        Refusal::Unplaced => {
            "从文件名看不出用途，请指定 installer，或以 .list、.sources、.repo、pip.conf、.condarc 结尾"
        }
        Refusal::Mirror => "type 只能使用字母、数字和 . _ + -",
        Refusal::FileType => "file_type 无效，请使用 source、python、pip 或 conda",
        Refusal::Occupied => "该位置已有同名的目录或文件，请更换名称或 type，或请管理员移开它",
        Refusal::ReadOnly => "目录不可写，请管理员检查其权限",
    }
}

fn address(problem: &AddressError) -> &'static str {
    match problem {
        AddressError::Host => "既不是 IP 地址也不是域名",
        AddressError::Unspecified => "代表所有地址，无法被访问，请填写他人可访问的地址",
        AddressError::SocketPath => "不是套接字，请写成 unix:///path/to/docker.sock",
        AddressError::Registry => "既不是 IP 地址也不是域名（可带端口）",
    }
}

fn missing(files: &[TlsFile]) -> String {
    let names = files.iter().map(|file| format!("{}（或 {}）", file.names()[0], file.names()[1]));
    names.collect::<Vec<_>>().join("、")
}

fn part_list(parts: &[Part]) -> String {
    let name = |part: &Part| match part {
        Part::Host => "服务地址（host）",
        Part::Harbor => "Harbor",
        Part::DockerServer => "Docker 服务器",
    };
    parts.iter().map(name).collect::<Vec<_>>().join("、")
}

fn header(error: &HeaderError) -> String {
    match error {
        HeaderError::Name(name) => format!("“{name}”不是 HTTP 请求头名称"),
        HeaderError::Value(name) => format!("请求头“{name}”的值含有不允许的字符"),
        HeaderError::Reserved(name) => format!("请求头“{name}”由连接自身设置，请去掉"),
        HeaderError::TooMany(limit) => format!("请求头超过 {limit} 个，请减少"),
    }
}

fn beyond(excess: Excess) -> String {
    match excess {
        Excess::Slow { seconds } => {
            format!("请求体传输过慢：停顿不得超过 {seconds} 秒，且须保持最低速率。请重新发送。")
        }
        Excess::Head { headers, bytes } => {
            format!("请求头过大：最多 {headers} 个请求头，总长不超过 {bytes} 字节。")
        }
    }
}

fn access(refusal: AccessRefusal) -> String {
    match refusal {
        AccessRefusal::TokenMissing => {
            "本服务需要令牌：请以 'Authorization: Bearer <令牌>' 发送。令牌由管理员发放。".to_owned()
        }
        AccessRefusal::TokenRefused => "令牌不存在、已过期或已吊销。请向管理员申请新的令牌。".to_owned(),
        AccessRefusal::RoleLacking(role) => format!("此操作需要角色为 '{role}' 的令牌。请向管理员申请。"),
        AccessRefusal::ForeignPage => "已拒绝：请求并非来自本服务的页面，或页面已过期。请重新加载页面。".to_owned(),
        AccessRefusal::HostUnknown => {
            "请求所用的主机名（Host 头）不是本服务的名称。请使用 localhost 或已配置的主机，或将该名称加入 [access] hosts。"
                .to_owned()
        }
    }
}
