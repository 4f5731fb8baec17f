//! Stack name and region from `samconfig.toml`, the file that `sam deploy` reads.

use std::path::Path;

use serde::Deserialize;

use cli_core::CliError;

const FILE: &str = "samconfig.toml";

/// Stack name and region, where the file has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Deployment {
    pub(crate) stack: Option<String>,
    pub(crate) region: Option<String>,
}

#[derive(Default, Deserialize)]
struct ConfigEnvironment {
    #[serde(default)]
    global: ConfigCommand,
    #[serde(default)]
    deploy: ConfigCommand,
}

#[derive(Default, Deserialize)]
struct ConfigCommand {
    #[serde(default)]
    parameters: ConfigParameters,
}

#[derive(Default, Deserialize)]
struct ConfigParameters {
    stack_name: Option<String>,
    region: Option<String>,
}

impl Deployment {
    /// Reads the environment from the nearest `samconfig.toml` in `folder` or above it.
    ///
    /// A missing file or environment is an error, unless the environment is `default`.
    pub(crate) fn read(folder: &Path, environment: &str) -> Result<Self, CliError> {
        let Some(path) = folder.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file()) else {
            return if environment == "default" { Ok(Self::default()) } else { Err(absent(FILE, environment)) };
        };
        let place = path.display().to_string();
        let unreadable = |reason: String| CliError::BadSamconfig { path: place.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
        let mut file: toml::Table = toml::from_str(&text).map_err(|error| unreadable(in_one_line(&error)))?;
        let Some(found) = file.remove(environment) else {
            return if environment == "default" { Ok(Self::default()) } else { Err(absent(&place, environment)) };
        };
        let found: ConfigEnvironment = found.try_into().map_err(|error| unreadable(in_one_line(&error)))?;
        let ConfigEnvironment { global, deploy } = found;
        Ok(Self {
            stack: deploy.parameters.stack_name.or(global.parameters.stack_name),
            region: deploy.parameters.region.or(global.parameters.region),
        })
    }
}

fn absent(place: &str, environment: &str) -> CliError {
    CliError::BadSamconfig { path: place.to_owned(), reason: format!("it has no [{environment}.deploy.parameters]") }
}

fn in_one_line(error: &toml::de::Error) -> String {
    error.message().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &str) -> Result<Deployment, CliError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        Deployment::read(&below, environment)
    }

    #[test]
    fn project_file_names_a_stack_for_each_stage() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        for (environment, stack, region) in [
            ("default", "ghactivity", Some("us-east-1")),
            ("dev", "ghactivity-dev", None),
            ("prod", "ghactivity-prod", None),
        ] {
            let found = Deployment::read(&root, environment).unwrap();
            assert_eq!((found.stack.as_deref(), found.region.as_deref()), (Some(stack), region), "{environment}");
        }
    }

    #[test]
    fn deploy_parameters_override_global_ones() {
        let text = "[x.global.parameters]\nstack_name = 'a'\n[x.deploy.parameters]\nstack_name = 'b'\nregion = 'r'\n";
        let both = Deployment { stack: Some("b".to_owned()), region: Some("r".to_owned()) };
        assert_eq!(read(text, "x").unwrap(), both);
        assert_eq!(read(text, "default").unwrap(), Deployment::default());
        assert_eq!(read("version = 0.1\n[default]\n", "default").unwrap(), Deployment::default());
    }

    #[test]
    fn invalid_file_is_named_with_the_reason() {
        for (text, environment, expected) in [
            ("version = 0.1\n", "prod", "it has no [prod.deploy.parameters]"),
            ("[default", "default", "unclosed table"),
            ("[default.deploy.parameters]\nregion = 3\n", "default", "invalid type: integer"),
        ] {
            let message = read(text, environment).unwrap_err().to_string();
            assert!(message.contains("samconfig.toml") && message.contains(expected), "{message}");
        }
    }
}
