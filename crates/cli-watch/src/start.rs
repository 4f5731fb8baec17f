//! Starts executions: the options and the call that several subcommands share.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use cli_core::{CliError, output};
use cli_stack::{Stack, StackArguments};
use serde_json::Value;

use crate::arn::ExecutionArn;
use crate::detach::Detach;
use crate::follow::follow;
use crate::summary::ExecutionReport;

#[derive(Args)]
pub struct FollowArguments {
    /// Print the ARN of the execution and do not wait for its end
    #[arg(long)]
    detach: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub stack: StackArguments,
}

impl FollowArguments {
    /// Starts an execution of the state machine in the output `machine`, and follows it. Returns `None` with `--detach`.
    pub async fn start(
        &self,
        stack: &Stack,
        machine: &'static str,
        name: &str,
        input: &Value,
    ) -> Result<Option<ExecutionReport>, CliError> {
        let detach = Detach::at_ctrl_c();
        let Some(arn) = self.begin(stack, machine, name, input, &detach).await? else { return Ok(None) };
        follow(&stack.aws, &arn, &detach).await.map(Some)
    }

    /// Starts an execution. Returns `None` with `--detach`, after printing the ARN.
    pub async fn begin(
        &self,
        stack: &Stack,
        machine: &'static str,
        name: &str,
        input: &Value,
        detach: &Detach,
    ) -> Result<Option<ExecutionArn>, CliError> {
        if self.detach {
            let arn = start(stack, machine, name, input).await?;
            if self.json {
                output::json(&serde_json::json!({"execution": arn.as_str()}));
            } else {
                output::text(&format!("{arn}\n"));
            }
            return Ok(None);
        }
        begin(stack, machine, name, input, detach).await.map(Some)
    }

    /// Prints the report, if there is one.
    pub fn finish(&self, ended: Option<ExecutionReport>) -> Result<(), CliError> {
        ended.map_or(Ok(()), |ended| ended.finish(self.json))
    }
}

/// Starts an execution that the command will follow, and prints its ARN.
pub async fn begin(
    stack: &Stack,
    machine: &'static str,
    name: &str,
    input: &Value,
    detach: &Detach,
) -> Result<ExecutionArn, CliError> {
    let arn = start(stack, machine, name, input).await?;
    detach.set(&arn, None);
    eprintln!("  {arn}");
    Ok(arn)
}

async fn start(stack: &Stack, machine: &'static str, name: &str, input: &Value) -> Result<ExecutionArn, CliError> {
    let machine = stack.output(machine)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    // The unique name makes the SDK's retry idempotent: after a lost reply, it returns the execution that was started.
    let request = stack.aws.sfn().start_execution().state_machine_arn(machine).name(format!("{name}_{since}"));
    let answer = request.input(input.to_string()).send().await;
    let answer = answer.map_err(|error| stack.aws.call_error("StartExecution", machine, error))?;
    answer.execution_arn.parse().map_err(|_| CliError::Refused {
        call: "StartExecution",
        resource: machine.to_owned(),
        reason: format!("the reply '{}' is not the ARN of an execution", answer.execution_arn),
        next: "check the endpoint".to_owned(),
    })
}
