//! Roles, and grants as bodies say them.

use access::{Grant, Role, Scope};
use axum::Json;
use axum::extract::RawQuery;
use serde::Serialize;
use utoipa::ToSchema;

use super::body;
use super::query::Query;
use crate::control::error::Problem;

/// A role.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleItem {
    /// Its word.
    role: &'static str,
    /// What it is there for.
    purpose: &'static str,
    /// What it may do.
    permissions: Vec<&'static str>,
}

/// The roles.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleList {
    /// All of them.
    items: Vec<RoleItem>,
}

/// What somebody may do, and to whose calls.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct GrantFields {
    /// Roles: agent, supervisor, compliance, `privacy_officer`, administrator, integration, auditor.
    #[schema(min_items = 1)]
    pub(super) roles: Vec<String>,
    /// The business units it is for. Where neither these nor agents are said, it is for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) business_units: Option<Vec<i64>>,
    /// The agents it is for, by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) agents: Option<Vec<u32>>,
}

/// The most business units, and agents, of one grant.
const SCOPE_MAX: usize = 1_000;

impl GrantFields {
    pub(super) fn of(grant: &Grant) -> Self {
        let (business_units, agents) = match grant.scope() {
            Scope::All => (None, None),
            Scope::Only { units, agents } => {
                (Some(units.iter().copied().collect()), Some(agents.iter().copied().collect()))
            }
        };
        let roles = grant.roles().iter().map(Role::to_string).collect();
        Self { roles, business_units, agents }
    }

    pub(super) fn read(self) -> Result<Grant, Problem> {
        let wrong = |error: access::NoRole| Problem::parameter("roles", error.to_string());
        let roles = self.roles.iter().map(|role| role.parse::<Role>()).collect::<Result<Vec<_>, _>>();
        let many = |count: usize| count > SCOPE_MAX;
        if many(self.business_units.as_ref().map_or(0, Vec::len))
            || many(self.agents.as_ref().map_or(0, Vec::len))
        {
            let right = format!("a grant is for at most {SCOPE_MAX} business units and {SCOPE_MAX} agents");
            return Err(Problem::parameter("agents", right));
        }
        let scope = match (self.business_units, self.agents) {
            (None, None) => Scope::All,
            (units, agents) => Scope::only(units.unwrap_or_default(), agents.unwrap_or_default()),
        };
        Grant::new(roles.map_err(wrong)?, scope)
            .map_err(|error| Problem::parameter("roles", error.to_string()))
    }
}

/// A grant as the audit is told it: roles, and for whose calls.
pub(super) fn told(grant: &Grant) -> String {
    let roles = body::listed(grant.roles(), " ");
    let Scope::Only { units, agents } = grant.scope() else { return format!("{roles} for everybody") };
    let units = body::listed(units.iter().map(|unit| format!("unit {unit}")), ", ");
    let agents = body::listed(agents.iter().map(|agent| format!("agent {agent}")), ", ");
    let whose: Vec<String> = [units, agents].into_iter().filter(|whose| !whose.is_empty()).collect();
    format!("{roles} for {}", if whose.is_empty() { "nobody".to_owned() } else { whose.join(", ") })
}

/// The roles there are, and what each may do.
#[utoipa::path(
    get,
    path = "/v1/roles",
    tag = "access",
    operation_id = "listRoles",
    responses(
        (status = 200, description = "The roles", body = RoleList),
        (status = 400, description = "A parameter is unknown", body = Problem,
         content_type = "application/problem+json"),
    )
)]
pub(crate) async fn roles(RawQuery(query): RawQuery) -> Result<Json<RoleList>, Problem> {
    Query::read(query.as_deref(), &[])?;
    let item = |role: Role| RoleItem {
        role: role.as_str(),
        purpose: role.purpose(),
        permissions: role.permissions().iter().map(|permission| permission.as_str()).collect(),
    };
    Ok(Json(RoleList { items: Role::ALL.map(item).into() }))
}
