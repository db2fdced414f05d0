//! `fastbuild configure`: the one-shot configuration; the service tests everything before it stores anything.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use reqwest::multipart::{Form, Part};
use secrecy::{ExposeSecret, SecretString};

use super::connection::{Connection, ConnectionArguments};
use super::failure::ClientError;
use super::{output, password};
use crate::language::Notice;

const EXAMPLES: &str = "\
Examples:
  fastbuild configure --host 10.0.0.5 --harbor-registry harbor.example.cn --harbor-username 'robot$fastbuild' \\
      --harbor-password-file harbor.password --docker-host 10.0.0.6 --docker-port 2376 --docker-tls certificates.tar
  fastbuild configure --host 127.0.0.1 --harbor-registry 127.0.0.1:5000 --harbor-username admin \\
      --harbor-password-stdin --docker-host unix:///var/run/docker.sock < harbor.password

Without a file, --harbor-password-stdin or FASTBUILD_HARBOR_PASSWORD the password is asked for.";

/// The parts of a site.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConfigureArguments {
    /// Address or name under which clients reach this service.
    #[arg(long)]
    host: String,
    /// Its port.
    #[arg(long, default_value_t = 48001)]
    port: u16,
    /// Harbor, by address or name, with its port where it needs one.
    #[arg(long, value_name = "HOST[:PORT]")]
    harbor_registry: String,
    /// The same Harbor by its DNS name.
    #[arg(long, value_name = "HOST[:PORT]", default_value = "", hide_default_value = true)]
    harbor_registry_dns: String,
    /// Harbor account.
    #[arg(long)]
    harbor_username: String,
    /// File whose first line is the account's password.
    #[arg(long, value_name = "FILE", conflicts_with = "harbor_password_stdin")]
    harbor_password_file: Option<PathBuf>,
    /// Read the password from standard input.
    #[arg(long)]
    harbor_password_stdin: bool,
    /// The password itself, from the environment alone.
    #[arg(long, hide = true, env = "FASTBUILD_HARBOR_PASSWORD", hide_env_values = true)]
    harbor_password: Option<SecretString>,
    /// PEM file of Harbor's private CA.
    #[arg(long, value_name = "FILE")]
    harbor_ca: Option<PathBuf>,
    /// Docker server: a host, or `unix:///path/to/docker.sock`.
    #[arg(long)]
    docker_host: String,
    /// Its port.
    #[arg(long, default_value_t = 2375)]
    docker_port: u16,
    /// Tar file with ca.pem, cert.pem and key.pem (or ca-jenkins.pem …); turns TLS on.
    #[arg(long, value_name = "FILE")]
    docker_tls: Option<PathBuf>,
    #[command(flatten)]
    pub(super) connection: ConnectionArguments,
}

pub(super) async fn run(service: &Connection, arguments: ConfigureArguments) -> Result<ExitCode, ClientError> {
    let password = harbor_password(&arguments)?;
    let mut form = Form::new()
        .text("fastbuild_host", arguments.host)
        .text("fastbuild_port", arguments.port.to_string())
        .text("harbor_username", arguments.harbor_username)
        .text("harbor_password", password.expose_secret().to_owned())
        .text("harbor_registry", arguments.harbor_registry)
        .text("harbor_registry_dns", arguments.harbor_registry_dns)
        .text("docker_host", arguments.docker_host)
        .text("docker_port", arguments.docker_port.to_string());
    if let Some(path) = &arguments.docker_tls {
        form = form.part("docker_tls_tar_file", file_part(path)?);
    }
    if let Some(path) = &arguments.harbor_ca {
        let pem = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        form = form.text("harbor_ca", pem);
    }
    let answer = service.send("/config/config-fastbuild", |post| post.multipart(form)).await?;
    if service.json {
        output::document(&answer.data)?;
    } else {
        match answer.data.as_str() {
            Some(sentence) => output::line(sentence)?,
            None => output::line(&answer.message)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn harbor_password(arguments: &ConfigureArguments) -> Result<SecretString, ClientError> {
    if let Some(path) = &arguments.harbor_password_file {
        return password::from_file(path);
    }
    if arguments.harbor_password_stdin {
        return password::from_standard_input();
    }
    if let Some(password) = &arguments.harbor_password {
        return Ok(password.clone());
    }
    if std::io::stdin().is_terminal() {
        return password::asked("Harbor password: ");
    }
    Err(ClientError::Usage(Notice::NoPassword))
}

fn file_part(path: &Path) -> Result<Part, ClientError> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Part::bytes(bytes).file_name(name))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ClientError {
    ClientError::unreadable(path, error)
}
