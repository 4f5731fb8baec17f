//! List prices of AWS in dollars: us-east-1, arm64, without free tiers.

/// Where AWS publishes these prices.
pub const SOURCE: &str = "AWS list prices, us-east-1, on demand (aws.amazon.com/dynamodb/pricing/on-demand, /lambda/pricing, /step-functions/pricing)";

pub const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
pub const LAMBDA_REQUEST: f64 = 0.000_000_2;
pub const TRANSITION: f64 = 0.000_025;
pub const S3_PUT: f64 = 0.000_005;
pub const S3_GET: f64 = 0.000_000_4;
pub const DYNAMODB_WRITE: f64 = 0.000_000_625;
