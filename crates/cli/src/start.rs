//! Starting an execution and following it, as `hour`, `ingest` and `backfill` do.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::Value;

use crate::stack::{Problem, Stack, StackArguments};
use crate::watch::{self, Detach, Ended, ExecutionArn};

/// What these subcommands have in common.
#[derive(Args)]
pub(crate) struct Following {
    /// Print the execution's ARN and do not wait for its end
    #[arg(long)]
    detach: bool,
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

impl Following {
    /// Starts an execution of the state machine that the output names, and follows it; nothing comes back where nobody waits.
    pub(crate) async fn start(
        &self,
        stack: &Stack,
        machine: &'static str,
        name: &str,
        input: &Value,
    ) -> Result<Option<Ended>, Problem> {
        let detach = Detach::at_ctrl_c();
        let Some(arn) = self.begin(stack, machine, name, input, &detach).await? else { return Ok(None) };
        watch::follow(&stack.aws, &arn, &detach).await.map(Some)
    }

    /// Starts an execution; nothing comes back where nobody waits for its end.
    pub(crate) async fn begin(
        &self,
        stack: &Stack,
        machine: &'static str,
        name: &str,
        input: &Value,
        detach: &Detach,
    ) -> Result<Option<ExecutionArn>, Problem> {
        if self.detach {
            let arn = start(stack, machine, name, input).await?;
            match self.json {
                true => crate::output::json(&serde_json::json!({"execution": arn.as_str()})),
                false => crate::output::text(&format!("{arn}\n")),
            }
            return Ok(None);
        }
        begin(stack, machine, name, input, detach).await.map(Some)
    }

    /// Prints what became of it.
    pub(crate) fn finish(&self, ended: Option<Ended>) -> Result<(), Problem> {
        ended.map_or(Ok(()), |ended| watch::finish(ended, self.json))
    }
}

/// Starts an execution that is waited for.
pub(crate) async fn begin(
    stack: &Stack,
    machine: &'static str,
    name: &str,
    input: &Value,
    detach: &Detach,
) -> Result<ExecutionArn, Problem> {
    let arn = start(stack, machine, name, input).await?;
    detach.knows(&arn, None);
    eprintln!("  {arn}");
    Ok(arn)
}

async fn start(stack: &Stack, machine: &'static str, name: &str, input: &Value) -> Result<ExecutionArn, Problem> {
    let machine = stack.output(machine)?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    // A name of its own: so the SDK's own retry of a start whose reply was lost finds the execution.
    let request = stack.aws.sfn().start_execution().state_machine_arn(machine).name(format!("{name}_{since}"));
    let answer = request.input(input.to_string()).send().await;
    let answer = answer.map_err(|error| stack.aws.problem("StartExecution", machine, error))?;
    answer.execution_arn.parse().map_err(|_| Problem::Refused {
        call: "StartExecution",
        resource: machine.to_owned(),
        reason: format!("'{}' is no ARN of an execution", answer.execution_arn),
        next: "check the endpoint".to_owned(),
    })
}
