//! The description of the API.

use axum::Json;
use axum::extract::State;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Decipher",
        description = "Reads handwritten digits in pictures, and trains the networks that do it. \
            Every answer of 400 and above is a Problem, which says what to do.",
        license(name = "MIT OR Apache-2.0")
    ),
    modifiers(&Token),
    tags(
        (name = "read", description = "Digits in pictures"),
        (name = "models", description = "The networks that can be asked"),
        (name = "train", description = "Training and teaching"),
        (name = "inside", description = "How good a network is, and what goes on inside it"),
        (name = "v2", description = "Open Inference Protocol")
    )
)]
pub struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("Needed only where the server listens beyond this machine"))
            .build();
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document itself.
pub async fn show(State(app): State<App>) -> Json<utoipa::openapi::OpenApi> {
    Json(app.openapi.get().expect("it is set before the first request").clone())
}
