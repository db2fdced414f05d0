//! What the command line says itself, in both languages. Names of states, stages and causes are the wire's.

use super::Language;

/// Something that the command line tells a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A request was accepted.
    Accepted {
        /// Task number.
        task_id: i64,
        /// Target image.
        target: String,
    },
    /// Something to know about an accepted request.
    Warning(String),
    /// A choice of a preview.
    Plan(String),
    /// How to follow a task.
    FollowWith(i64),
    /// A task goes on without its watcher.
    GoesOn(i64),
    /// How to end a task.
    EndWith(i64),
    /// The service is asked again.
    TryingAgain,
    /// A task ended otherwise than with a pushed image.
    Ended {
        /// Task number.
        task_id: i64,
        /// The end state, coloured.
        state: String,
        /// Cause; may be empty.
        cause: String,
        /// Stage; may be empty.
        stage: String,
    },
    /// A task's image is pushed.
    Pushed {
        /// Task number.
        task_id: i64,
        /// The end state, coloured.
        state: String,
        /// Image and digest.
        image: String,
    },
    /// Before the message.
    WhatHappened,
    /// Before the hint.
    WhatToDo,
    /// Before the failed step.
    Step,
    /// Before its last lines.
    LastLines,
    /// Where the whole log is.
    WholeLog(i64),
    /// Below a page of tasks.
    Page {
        /// This page.
        page: u32,
        /// Pages in all.
        pages: u64,
        /// Tasks in all.
        total: u64,
    },
    /// A task is being cancelled.
    BeingCancelled(i64),
    /// The service restarted under a task.
    Restarted,
    /// How long something took.
    After(String),
    /// Environments of conda.
    Environments(String),
    /// No URL.
    NoAddress(String),
    /// A token that no header holds.
    TokenCharacters,
    /// A file holds no certificate.
    NoCertificate(String),
    /// A file cannot be read.
    Unreadable {
        /// The file.
        file: String,
        /// The system's words.
        words: String,
    },
    /// A file is no JSON.
    NoJson {
        /// The file.
        file: String,
        /// What is wrong.
        words: String,
    },
    /// A file holds something else than a JSON object.
    NoObject(String),
    /// Harbor's password was not given.
    NoPassword,
    /// There are no tasks.
    NoTask,
    /// Fields are not accepted.
    NotAccepted,
    /// The service wants a token.
    GiveToken(String),
    /// The service has no such route.
    NoRoute(String),
    /// Nobody answers.
    NoService {
        /// Where it was looked for.
        url: String,
        /// The system's words.
        reason: String,
    },
    /// Somebody else answers.
    NotFastBuild {
        /// What was asked.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// Standard output cannot be written.
    Output(String),
}

impl Notice {
    /// The words in a language.
    pub fn render(&self, language: Language) -> String {
        match language {
            Language::Chinese => chinese(self),
            Language::English => english(self),
        }
    }
}

/// Headings of a list of tasks.
pub fn task_columns(language: Language) -> [&'static str; 5] {
    match language {
        Language::Chinese => ["任务", "状态", "创建时间", "目标镜像", "名称"],
        Language::English => ["TASK", "STATE", "CREATED", "TARGET", "NAME"],
    }
}

/// Headings of an image's parts.
pub fn part_columns(language: Language) -> [&'static str; 4] {
    match language {
        Language::Chinese => ["部分", "内容", "软件源", "版本"],
        Language::English => ["PART", "FOUND", "MIRRORS", "VERSION"],
    }
}

fn chinese(notice: &Notice) -> String {
    match notice {
        Notice::Accepted { task_id, target } => format!("任务 {task_id} 已接受：{target}"),
        Notice::Warning(text) => format!("警告：{text}"),
        Notice::Plan(text) => format!("方案：{text}"),
        Notice::FollowWith(task_id) => format!("跟踪该任务：fastbuild logs {task_id} --follow"),
        Notice::GoesOn(task_id) => format!("任务 {task_id} 继续进行；再次查看：fastbuild logs {task_id} --follow"),
        Notice::EndWith(task_id) => format!("或取消它：fastbuild cancel {task_id}"),
        Notice::TryingAgain => "正在重试".to_owned(),
        Notice::Ended { task_id, state, cause, stage } => {
            let cause = if cause.is_empty() { String::new() } else { format!("：{cause}") };
            let stage = if stage.is_empty() { String::new() } else { format!("（阶段 {stage}）") };
            format!("任务 {task_id} 以 {state} 结束{cause}{stage}")
        }
        Notice::Pushed { task_id, state, image } => format!("任务 {task_id} {state}：{image}"),
        Notice::WhatHappened => "发生了什么：".to_owned(),
        Notice::WhatToDo => "如何处理：".to_owned(),
        Notice::Step => "失败的步骤：".to_owned(),
        Notice::LastLines => "最后几行输出：".to_owned(),
        Notice::WholeLog(task_id) => format!("完整日志：fastbuild logs {task_id}"),
        Notice::Page { page, pages, total } => format!("第 {page} 页，共 {pages} 页，{total} 个任务"),
        Notice::BeingCancelled(task_id) => format!("任务 {task_id} 正在取消"),
        Notice::Restarted => "服务已重启，任务重新排队".to_owned(),
        Notice::After(time) => format!("，用时 {time}"),
        Notice::Environments(names) => format!("；环境：{names}"),
        Notice::NoAddress(url) => format!("“{url}”不是服务地址，应以 http:// 开头"),
        Notice::TokenCharacters => "令牌含有不允许的字符".to_owned(),
        Notice::NoCertificate(file) => format!("{file} 中没有可用的 PEM 证书"),
        Notice::Unreadable { file, words } => format!("无法读取 {file}：{words}"),
        Notice::NoJson { file, words } => format!("{file} 不是有效的 JSON：{words}"),
        Notice::NoObject(file) => format!("{file} 中没有 JSON 对象"),
        Notice::NoPassword => {
            "缺少 Harbor 密码：请使用 --harbor-password-file、--harbor-password-stdin 或 FASTBUILD_HARBOR_PASSWORD"
                .to_owned()
        }
        Notice::NoTask => "还没有任何任务".to_owned(),
        Notice::NotAccepted => "服务不接受该请求".to_owned(),
        Notice::GiveToken(words) => format!("{words}；请用 --token-file、--token 或 FASTBUILD_TOKEN 提供令牌"),
        Notice::NoRoute(url) => format!("服务没有 {url}，它是否为旧版本？"),
        Notice::NoService { url, reason } => {
            format!("{url} 没有服务应答：{reason}；请确认服务正在运行，且 --url（或 FASTBUILD_URL）正确")
        }
        Notice::NotFastBuild { url, reason } => format!("{url} 的应答不是 FastBuild 的应答：{reason}"),
        Notice::Output(words) => format!("无法写出结果：{words}"),
    }
}

fn english(notice: &Notice) -> String {
    match notice {
        Notice::Accepted { task_id, target } => format!("task {task_id} accepted: {target}"),
        Notice::Warning(text) => format!("warning: {text}"),
        Notice::Plan(text) => format!("plan: {text}"),
        Notice::FollowWith(task_id) => format!("follow it with: fastbuild logs {task_id} --follow"),
        Notice::GoesOn(task_id) => {
            format!("task {task_id} goes on; come back with: fastbuild logs {task_id} --follow")
        }
        Notice::EndWith(task_id) => format!("or end it with: fastbuild cancel {task_id}"),
        Notice::TryingAgain => "trying again".to_owned(),
        Notice::Ended { task_id, state, cause, stage } => {
            let cause = if cause.is_empty() { String::new() } else { format!(": {cause}") };
            let stage = if stage.is_empty() { String::new() } else { format!(" in stage {stage}") };
            format!("task {task_id} ended in {state}{cause}{stage}")
        }
        Notice::Pushed { task_id, state, image } => format!("task {task_id} {state}: {image}"),
        Notice::WhatHappened => "what happened: ".to_owned(),
        Notice::WhatToDo => "what to do: ".to_owned(),
        Notice::Step => "step: ".to_owned(),
        Notice::LastLines => "last lines:".to_owned(),
        Notice::WholeLog(task_id) => format!("whole log: fastbuild logs {task_id}"),
        Notice::Page { page, pages, total } => format!("page {page} of {pages}, {total} tasks"),
        Notice::BeingCancelled(task_id) => format!("task {task_id} is being cancelled"),
        Notice::Restarted => "the service was restarted; the task waits again".to_owned(),
        Notice::After(time) => format!(" after {time}"),
        Notice::Environments(names) => format!("; environments: {names}"),
        Notice::NoAddress(url) => format!("'{url}' is no address of a service; it starts with http://"),
        Notice::TokenCharacters => "the token holds characters that no token has".to_owned(),
        Notice::NoCertificate(file) => format!("{file} holds no PEM certificate that can be used"),
        Notice::Unreadable { file, words } => format!("cannot read {file}: {words}"),
        Notice::NoJson { file, words } => format!("{file} is not valid JSON: {words}"),
        Notice::NoObject(file) => format!("{file} holds no JSON object"),
        Notice::NoPassword => {
            "no Harbor password: give --harbor-password-file, --harbor-password-stdin or FASTBUILD_HARBOR_PASSWORD"
                .to_owned()
        }
        Notice::NoTask => "there is no task yet".to_owned(),
        Notice::NotAccepted => "the service does not accept this request".to_owned(),
        Notice::GiveToken(words) => format!("{words}; give a token with --token-file, --token or FASTBUILD_TOKEN"),
        Notice::NoRoute(url) => format!("the service does not know {url}: is it an older one?"),
        Notice::NoService { url, reason } => {
            format!("no service answers at {url}: {reason}; is it running, and is --url (or FASTBUILD_URL) right?")
        }
        Notice::NotFastBuild { url, reason } => format!("the answer of {url} is not one of FastBuild: {reason}"),
        Notice::Output(words) => format!("the output cannot be written: {words}"),
    }
}
