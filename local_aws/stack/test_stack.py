"""Starting, stopping, deploying, templates and named queries."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from local_aws.paths import ROOT
from local_aws.stack.archive_hours import archive_hour, moment
from local_aws.stack.aws import LocalAws
from local_aws.stack.function_variables import by_function
from local_aws.stack.named_queries import NamedQuery, named_queries
from local_aws.stack.processes import is_alive
from local_aws.stack.templates import DeployError, TemplateUploader

NESTED = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String}}
Resources:
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "${Stage}-nested"}}
  Database: {Type: AWS::Glue::Database, Properties: {CatalogId: !Ref AWS::AccountId, DatabaseInput: {Name: db}}}
  WorkGroup: {Type: AWS::Athena::WorkGroup, Properties: {Name: wg}}
  Keys:
    Type: AWS::Serverless::SimpleTable
    Properties: {TableName: nested-keys}
  Query:
    Type: AWS::Athena::NamedQuery
    Properties: {Name: one, Database: !Ref Database, WorkGroup: !Ref WorkGroup, QueryString: SELECT 1}
Outputs:
  Name: {Value: !Ref Bucket}
"""
ROOT_TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters: {Stage: {Type: String, Default: dev}, Greeting: {Type: String, Default: hello}}
Resources:
  Storage:
    Type: AWS::Serverless::Application
    Properties: {Location: nested.yaml, Parameters: {Stage: !Ref Stage}}
  HelloFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Environment: {Variables: {GREETING: !Ref Greeting}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {Function: !GetAtt HelloFunction.Arn}
Outputs:
  Bucket: {Value: !GetAtt Storage.Outputs.Name}
  Machine: {Value: !Ref Machine}
"""
MACHINE = {
    "QueryLanguage": "JSONata",
    "StartAt": "Hello",
    "States": {
        "Hello": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "${Function}", "Payload": {}},
            "Output": "{% $states.result.Payload %}",
            "End": True,
        }
    },
}
BOOTSTRAP = f"""#!{sys.executable}
import json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    request = urllib.request.urlopen(api + "next")
    answer = json.dumps([os.environ["GREETING"], os.environ["AWS_ENDPOINT_URL"]]).encode()
    identity = request.headers["Lambda-Runtime-Aws-Request-Id"]
    urllib.request.urlopen(api + identity + "/response", answer).read()
"""


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[LocalAws]:
    with LocalAws(tmp_path / "aws") as running:
        yield running


@pytest.fixture
def template(tmp_path: Path, aws: LocalAws) -> Path:
    """A template with a nested stack, a function with its binary, and a state machine."""
    (tmp_path / "nested.yaml").write_text(NESTED)
    (tmp_path / "machine.asl.json").write_text(json.dumps(MACHINE))
    (tmp_path / "template.yaml").write_text(ROOT_TEMPLATE)
    bootstrap = tmp_path / "build/HelloFunction/bootstrap"
    bootstrap.parent.mkdir(parents=True)
    bootstrap.write_text(BOOTSTRAP)
    bootstrap.chmod(0o755)
    aws.functions = tmp_path / "build"
    return tmp_path / "template.yaml"


def greeting(aws: LocalAws, outputs: dict[str, str]) -> list[str]:
    """The output of an execution: the function's variable and its endpoint."""
    stepfunctions = aws.client("stepfunctions")
    arn = stepfunctions.start_execution(stateMachineArn=outputs["Machine"], input="{}")["executionArn"]
    while (found := stepfunctions.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.05)
    output: list[str] = json.loads(found["output"])
    return output


def test_template_deploys_runs_and_updates(aws: LocalAws, template: Path) -> None:
    outputs = aws.deploy(template=template)
    assert outputs["Bucket"] == "local-nested"
    assert aws.client("dynamodb").list_tables()["TableNames"] == ["nested-keys"], "a nested template is transformed"
    assert greeting(aws, outputs) == ["hello", aws.endpoint]
    assert aws.deploy(template=template) == outputs, "an update without changes"
    assert greeting(aws, aws.deploy({"Greeting": "good evening"}, template=template)) == ["good evening", aws.endpoint]
    assert template.read_text() == ROOT_TEMPLATE
    (query,) = aws.client("athena").list_named_queries(WorkGroup="wg")["NamedQueryIds"]
    assert aws.client("athena").get_named_query(NamedQueryId=query)["NamedQuery"]["QueryString"] == "SELECT 1"


def test_changed_binary_is_deployed(aws: LocalAws, template: Path) -> None:
    outputs = aws.deploy(template=template)
    greeting(aws, outputs)
    bootstrap = aws.functions / "HelloFunction/bootstrap"
    bootstrap.write_text(BOOTSTRAP.replace('os.environ["GREETING"]', '"changed"'))
    assert greeting(aws, aws.deploy(template=template))[0] == "changed"


def test_failed_deployment_names_nested_resource(aws: LocalAws, template: Path) -> None:
    nested = template.with_name("nested.yaml")
    nested.write_text(NESTED.replace("{DatabaseInput: {Name: db}}", "{}").replace("AWS::S3::Bucket", "AWS::Nothing::Here"))
    with pytest.raises(DeployError, match="AWS::Nothing::Here"):
        aws.deploy(template=template)
    nested.write_text(NESTED)
    assert aws.deploy(template=template)["Bucket"] == "local-nested", "the next deployment creates the stack again"


def test_function_without_binary_is_named(aws: LocalAws, template: Path) -> None:
    (aws.functions / "HelloFunction/bootstrap").unlink()
    with pytest.raises(DeployError, match="HelloFunction: no binary"):
        aws.deploy(template=template)


def test_variables_leave_out_absent_functions(aws: LocalAws, template: Path) -> None:
    aws.deploy(template=template)
    assert by_function(aws) == {}, "the template has none of the project's functions"


def test_restart_keeps_stack_and_objects(aws: LocalAws, template: Path) -> None:
    aws.deploy(template=template)
    aws.client("s3").put_object(Bucket="local-nested", Key="a/b=c/d", Body=b"kept")
    aws.stop()
    aws.start()
    assert aws.client("s3").get_object(Bucket="local-nested", Key="a/b=c/d")["Body"].read() == b"kept"
    assert greeting(aws, aws.outputs()) == ["hello", aws.endpoint]


def test_stopped_server_ends_its_functions(aws: LocalAws, template: Path) -> None:
    greeting(aws, aws.deploy(template=template))
    assert aws.process
    group = aws.process.pid
    assert len(members(group)) > 1, "the server and a function"
    aws.stop()
    assert members(group) == []


def members(group: int) -> list[list[str]]:
    """The processes of a group that have not ended."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return [row for row in map(str.split, listed.splitlines()) if row[0] == str(group) and not row[1].startswith("Z")]


def test_second_start_finds_running_server(aws: LocalAws) -> None:
    other = LocalAws(aws.directory).start()
    assert (other.endpoint, other.process) == (aws.endpoint, None)


def test_two_servers_share_nothing(aws: LocalAws, tmp_path: Path) -> None:
    with LocalAws(tmp_path / "other") as other:
        other.client("s3").create_bucket(Bucket="only-there")
        assert aws.client("s3").list_buckets()["Buckets"] == []


def test_taken_port_is_reported(aws: LocalAws, tmp_path: Path) -> None:
    port = int(aws.endpoint.rsplit(":", 1)[1])
    with pytest.raises(RuntimeError, match=f"cannot listen on 127.0.0.1:{port}"):
        LocalAws(tmp_path / "other", port=port).start()


def test_attached_server_ends_with_its_starter(tmp_path: Path) -> None:
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from local_aws.stack.aws import LocalAws\n"
        "print(LocalAws(sys.argv[2]).start().process.pid, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program, ROOT, tmp_path / "aws"], stdout=subprocess.PIPE)
    assert starter.stdout
    server = int(starter.stdout.readline())
    assert is_alive(server)
    starter.kill()
    starter.wait()
    deadline = time.monotonic() + 15
    while is_alive(server) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_alive(server)


def test_short_forms_become_long_forms(aws: LocalAws, tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(
        "AWSTemplateFormatVersion: 2010-09-09\n"
        "Conditions: {A: !Equals [!Ref X, y]}\n"
        "Resources: {R: {Type: T, Condition: A, Properties: {P: !If [A, !GetAtt B.C.D, !Sub 'e${F}'], Q: !Join ['', [!Ref G]]}}}"
    )
    url = TemplateUploader(aws.client("s3"), tmp_path).publish(tmp_path / "template.yaml")
    rendered = json.loads(aws.client("s3").get_object(Bucket="local-artifacts", Key=url.rsplit("/", 1)[1])["Body"].read())
    assert rendered == {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Conditions": {"A": {"Fn::Equals": [{"Ref": "X"}, "y"]}},
        "Resources": {
            "R": {
                "Type": "T",
                "Condition": "A",
                "Properties": {
                    "P": {"Fn::If": ["A", {"Fn::GetAtt": ["B", "C.D"]}, {"Fn::Sub": "e${F}"}]},
                    "Q": {"Fn::Join": ["", [{"Ref": "G"}]]},
                },
            }
        },
    }


def test_named_queries_list_their_parameters() -> None:
    queries = named_queries()
    assert len(queries) >= 7
    for query in queries:
        parameters = query.parameters("2025-11-21-5")
        assert len(parameters) == query.sql.count("?")
        assert parameters[0] == "'2025'"


def test_named_query_without_parameter_list_fails() -> None:
    with pytest.raises(ValueError, match="must list its parameters"):
        NamedQuery("q", "Something. Parameters: year.", "SELECT 1 WHERE ? = ?").parameters("2025-11-21-5")


def test_hour_after_midnight_is_of_next_day() -> None:
    assert archive_hour(moment("2025-11-30-23") + timedelta(hours=1)) == "2025-12-01-0"
