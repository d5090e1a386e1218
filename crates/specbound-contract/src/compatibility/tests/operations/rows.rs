//! The rows: parts of operations, and whole documents.

/// A row: the rule, the parts of an operation on each side, and whether the change from the left to
/// the right breaks clients that call it, and then the change back; then the same for clients that
/// are called.
pub(super) struct Row(
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub [bool; 2],
    pub [bool; 2],
);

pub(super) const NONE: &str = "responses: {'200': {description: d}}";

pub(super) const ROWS: &[Row] = &[
    Row(
        "optional parameter",
        NONE,
        "responses: {'200': {description: d}}\nparameters: [{in: query, name: q, schema: {}}]",
        [false, true],
        [false, true],
    ),
    Row(
        "required parameter",
        NONE,
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, required: true, schema: {}}]",
        [true, true],
        [false, true],
    ),
    Row(
        "parameter that is required",
        "responses: {'200': {description: d}}\nparameters: [{in: header, name: q, schema: {}}]",
        "responses: {'200': {description: d}}
parameters: [{in: header, name: q, required: true, schema: {}}]",
        [true, false],
        [false, true],
    ),
    Row(
        "empty value",
        "responses: {'200': {description: d}}\nparameters: [{in: query, name: q, schema: {}}]",
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, allowEmptyValue: true, schema: {}}]",
        [false, true],
        [true, false],
    ),
    Row(
        "style",
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, schema: {type: array, items: {}}}]",
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, style: pipeDelimited, schema: {type: array, items: {}}}]",
        [true, true],
        [true, true],
    ),
    Row(
        "explode",
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, schema: {type: array, items: {}}}]",
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, explode: false, schema: {type: array, items: {}}}]",
        [true, true],
        [true, true],
    ),
    Row(
        "place of a parameter",
        "responses: {'200': {description: d}}\nparameters: [{in: query, name: q, schema: {}}]",
        "responses: {'200': {description: d}}\nparameters: [{in: header, name: q, schema: {}}]",
        [true, true],
        [true, true],
    ),
    Row(
        "deprecated parameter",
        "responses: {'200': {description: d}}\nparameters: [{in: query, name: q, schema: {}}]",
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, deprecated: true, schema: {}}]",
        [false, false],
        [false, false],
    ),
    Row(
        "content of a parameter",
        "responses: {'200': {description: d}}\nparameters: [{in: query, name: q, schema: {}}]",
        "responses: {'200': {description: d}}
parameters: [{in: query, name: q, content: {application/json: {schema: {}}}}]",
        [true, true],
        [true, true],
    ),
    Row(
        "optional body",
        NONE,
        "responses: {'200': {description: d}}
requestBody: {content: {application/json: {schema: {}}}}",
        [false, true],
        [false, true],
    ),
    Row(
        "required body",
        NONE,
        "responses: {'200': {description: d}}
requestBody: {required: true, content: {application/json: {schema: {}}}}",
        [true, true],
        [false, true],
    ),
    Row(
        "body that is required",
        "responses: {'200': {description: d}}
requestBody: {content: {application/json: {schema: {}}}}",
        "responses: {'200': {description: d}}
requestBody: {required: true, content: {application/json: {schema: {}}}}",
        [true, false],
        [false, true],
    ),
    Row(
        "media type of requests",
        "responses: {'200': {description: d}}
requestBody: {content: {application/json: {schema: {}}}}",
        "responses: {'200': {description: d}}
requestBody: {content: {application/json: {schema: {}}, application/xml: {schema: {}}}}",
        [false, true],
        [true, false],
    ),
    Row(
        "another media type of requests",
        "responses: {'200': {description: d}}
requestBody: {content: {application/json: {schema: {}}}}",
        "responses: {'200': {description: d}}
requestBody: {content: {application/xml: {schema: {}}}}",
        [true, true],
        [true, true],
    ),
    Row(
        "success",
        NONE,
        "responses: {'200': {description: d}, '202': {description: d}}",
        [true, true],
        [false, true],
    ),
    Row(
        "failure",
        NONE,
        "responses: {'200': {description: d}, '404': {description: d}}",
        [false, false],
        [false, false],
    ),
    Row(
        "failures of a class",
        NONE,
        "responses: {'200': {description: d}, 5XX: {description: d}}",
        [false, false],
        [false, false],
    ),
    Row(
        "another success",
        NONE,
        "responses: {'201': {description: d}}",
        [true, true],
        [true, true],
    ),
    Row(
        "other statuses",
        NONE,
        "responses: {'200': {description: d}, default: {description: d}}",
        [false, true],
        [false, true],
    ),
    Row(
        "media type of responses",
        "responses: {'200': {description: d, content: {application/json: {schema: {}}}}}",
        "responses: {'200': {description: d, content: {application/json: {schema: {}}, \
         text/plain: {schema: {}}}}}",
        [false, true],
        [false, true],
    ),
    Row(
        "body of a response",
        NONE,
        "responses: {'200': {description: d, content: {application/json: {schema: {}}}}}",
        [false, true],
        [false, true],
    ),
    Row(
        "case of a media type",
        "responses: {'200': {description: d, content: {application/json: {schema: {}}}}}",
        "responses: {'200': {description: d, content: {Application/JSON; charset=utf-8: \
         {schema: {}}}}}",
        [false, false],
        [false, false],
    ),
    Row(
        "optional response header",
        NONE,
        "responses: {'200': {description: d, headers: {X-A: {schema: {}}}}}",
        [false, true],
        [false, false],
    ),
    Row(
        "required response header",
        NONE,
        "responses: {'200': {description: d, headers: {X-A: {required: true, schema: {}}}}}",
        [false, true],
        [true, false],
    ),
    Row(
        "response header that is required",
        "responses: {'200': {description: d, headers: {X-A: {schema: {}}}}}",
        "responses: {'200': {description: d, headers: {X-A: {required: true, schema: {}}}}}",
        [false, true],
        [true, false],
    ),
    Row(
        "case of a header",
        "responses: {'200': {description: d, headers: {X-A: {schema: {}}}}}",
        "responses: {'200': {description: d, headers: {x-a: {schema: {}}}}}",
        [false, false],
        [false, false],
    ),
    Row(
        "link",
        NONE,
        "responses: {'200': {description: d, links: {self: {operationId: it}}}}",
        [false, true],
        [false, true],
    ),
    Row(
        "target of a link",
        "responses: {'200': {description: d, links: {self: {operationId: it}}}}",
        "responses: {'200': {description: d, links: {self: {operationId: other}}}}",
        [true, true],
        [true, true],
    ),
    Row(
        "callback",
        NONE,
        "responses: {'200': {description: d}}
callbacks: {c: {'{$request.body#/u}': {post: {responses: {'200': {description: d}}}}}}",
        [false, true],
        [false, true],
    ),
    Row(
        "method of a callback",
        "responses: {'200': {description: d}}
callbacks: {c: {'{$request.body#/u}': {post: {responses: {'200': {description: d}}}}}}",
        "responses: {'200': {description: d}}
callbacks: {c: {'{$request.body#/u}': {post: {responses: {'200': {description: d}}}, put: \
         {responses: {'200': {description: d}}}}}}",
        [false, true],
        [false, true],
    ),
    Row(
        "name of an operation",
        "responses: {'200': {description: d}}\noperationId: a",
        "responses: {'200': {description: d}}\noperationId: b",
        [false, false],
        [false, false],
    ),
    Row(
        "tag",
        NONE,
        "responses: {'200': {description: d}}\ntags: [a]",
        [false, false],
        [false, false],
    ),
    Row(
        "deprecated operation",
        NONE,
        "responses: {'200': {description: d}}\ndeprecated: true",
        [false, false],
        [false, false],
    ),
    Row(
        "words",
        NONE,
        "responses: {'200': {description: other}}\nsummary: s\ndescription: d\nx-a: 1\n\
         externalDocs: {url: 'https://a'}",
        [false, false],
        [false, false],
    ),
];

/// A row: the rule, both documents without `openapi`, and whether the change and its reverse break.
pub(super) struct Whole(pub &'static str, pub &'static str, pub &'static str, pub [bool; 2]);

pub(super) const DOCUMENTS: &[Whole] = &[
    Whole("path", "paths: {/a: {get: OK}}", "paths: {/a: {get: OK}, /b: {get: OK}}", [false, true]),
    Whole("method", "paths: {/a: {get: OK}}", "paths: {/a: {get: OK, put: OK}}", [false, true]),
    Whole(
        "name of a variable",
        "paths: {'/a/{b}': {get: OK}}",
        "paths: {'/a/{c}': {get: OK}}",
        [false, false],
    ),
    Whole("last slash", "paths: {/a: {get: OK}}", "paths: {/a/: {get: OK}}", [true, true]),
    Whole("webhook", "paths: {}", "paths: {}\nwebhooks: {w: {post: OK}}", [false, true]),
    Whole(
        "webhook under an extension",
        "paths: {}\nwebhooks: {w: {post: OK}}",
        "paths: {}\nx-webhooks: {w: {post: OK}}",
        [false, false],
    ),
    Whole(
        "server",
        "paths: {/a: {get: OK}}\nservers: [{url: 'https://a'}]",
        "paths: {/a: {get: OK}}\nservers: [{url: 'https://a'}, {url: 'https://b'}]",
        [false, true],
    ),
    Whole(
        "another server",
        "paths: {/a: {get: OK}}\nservers: [{url: 'https://a'}]",
        "paths: {/a: {get: OK}}\nservers: [{url: 'https://b'}]",
        [true, true],
    ),
    Whole(
        "value of a server's variable",
        "paths: {/a: {get: OK}}
servers: [{url: 'https://{v}', variables: {v: {default: a, enum: [a]}}}]",
        "paths: {/a: {get: OK}}
servers: [{url: 'https://{v}', variables: {v: {default: a, enum: [a, b]}}}]",
        [false, true],
    ),
    Whole(
        "prefix of all paths in the server",
        "paths: {/v1/a: {get: OK}, /v1/b: {get: OK}}",
        "paths: {/a: {get: OK}, /b: {get: OK}}\nservers: [{url: /v1}]",
        [false, false],
    ),
    Whole(
        "prefix of a server with an address",
        "paths: {/v1/a: {get: OK}}\nservers: [{url: 'https://a/'}, {url: 'https://b'}]",
        "paths: {/a: {get: OK}}\nservers: [{url: 'https://a/v1'}, {url: 'https://b/v1/'}]",
        [false, false],
    ),
    Whole(
        "prefix of one server alone",
        "paths: {/v1/a: {get: OK}}\nservers: [{url: 'https://a'}, {url: 'https://b'}]",
        "paths: {/a: {get: OK}}\nservers: [{url: 'https://a/v1'}, {url: 'https://b'}]",
        [true, true],
    ),
    Whole(
        "prefix and a path that is gone",
        "paths: {/v1/a: {get: OK}, /v1/b: {get: OK}}",
        "paths: {/a: {get: OK}}\nservers: [{url: /v1}]",
        [true, false],
    ),
    Whole(
        "prefix of the server alone",
        "paths: {/a: {get: OK}}\nservers: [{url: /}]",
        "paths: {/a: {get: OK}}\nservers: [{url: /v1}]",
        [true, true],
    ),
    Whole(
        "credentials",
        "paths: {/a: {get: OK}}\ncomponents: KEYS",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{key: []}]",
        [true, false],
    ),
    Whole(
        "other credentials as well",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{key: []}]",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{key: []}, {basic: []}]",
        [false, true],
    ),
    Whole(
        "two credentials at once",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{key: []}]",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{key: [], basic: []}]",
        [true, false],
    ),
    Whole(
        "no credentials as well",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{key: []}]",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{key: []}, {}]",
        [false, true],
    ),
    Whole(
        "scope",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{oauth: [a]}]",
        "paths: {/a: {get: OK}}\ncomponents: KEYS\nsecurity: [{oauth: [a, b]}]",
        [true, false],
    ),
    Whole(
        "scheme that is not asked for",
        "paths: {/a: {get: OK}}",
        "paths: {/a: {get: OK}}\ncomponents: KEYS",
        [false, false],
    ),
    Whole(
        "place of a key",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: apiKey, in: header, name: K}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: apiKey, in: query, name: K}}}",
        [true, true],
    ),
    Whole(
        "name of a key",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: apiKey, in: header, name: K}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: apiKey, in: header, name: L}}}",
        [true, true],
    ),
    Whole(
        "scheme of HTTP",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: http, scheme: basic}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: http, scheme: bearer}}}",
        [true, true],
    ),
    Whole(
        "format of a bearer",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: http, scheme: bearer}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: http, scheme: bearer, bearerFormat: JWT}}}",
        [false, false],
    ),
    Whole(
        "case of a scheme",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: http, scheme: bearer}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: http, scheme: Bearer}}}",
        [false, false],
    ),
    Whole(
        "case of a key's header",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: apiKey, in: header, name: X-Key}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: apiKey, in: header, name: x-key}}}",
        [false, false],
    ),
    Whole(
        "address of tokens",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: oauth2, flows: {\
         clientCredentials: {tokenUrl: 'https://a', scopes: {}}}}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: oauth2, flows: {\
         clientCredentials: {tokenUrl: 'https://b', scopes: {}}}}}}",
        [true, true],
    ),
    Whole(
        "scope of a scheme",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: oauth2, flows: {\
         clientCredentials: {tokenUrl: 'https://a', scopes: {}}}}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: oauth2, flows: {\
         clientCredentials: {tokenUrl: 'https://a', scopes: {a: d}}}}}}",
        [false, true],
    ),
    Whole(
        "flow",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: oauth2, flows: {\
         clientCredentials: {tokenUrl: 'https://a', scopes: {}}}}}}",
        "paths: {/a: {get: OK}}\nsecurity: [{k: []}]
components: {securitySchemes: {k: {type: oauth2, flows: {\
         clientCredentials: {tokenUrl: 'https://a', scopes: {}}, \
         password: {tokenUrl: 'https://a', scopes: {}}}}}}",
        [false, true],
    ),
    Whole(
        "encoding of a new property",
        "paths: {/a: {post: {requestBody: {content: {multipart/form-data: {\
         schema: {type: object, properties: {a: {}}}}}}, \
         responses: {'200': {description: d}}}}}",
        "paths: {/a: {post: {requestBody: {content: {multipart/form-data: {\
         schema: {type: object, properties: {a: {}, b: {}}}, \
         encoding: {b: {contentType: image/png}}}}}, \
         responses: {'200': {description: d}}}}}",
        [false, true],
    ),
    Whole(
        "encoding of a known property",
        "paths: {/a: {post: {requestBody: {content: {multipart/form-data: {\
         schema: {type: object, properties: {b: {}}}}}}, \
         responses: {'200': {description: d}}}}}",
        "paths: {/a: {post: {requestBody: {content: {multipart/form-data: {\
         schema: {type: object, properties: {b: {}}}, \
         encoding: {b: {contentType: image/png}}}}}, \
         responses: {'200': {description: d}}}}}",
        [true, true],
    ),
    Whole(
        "content types of a part",
        "paths: {/a: {post: {requestBody: {content: {multipart/form-data: {\
         schema: {type: object, properties: {b: {}}}, \
         encoding: {b: {contentType: image/png}}}}}, \
         responses: {'200': {description: d}}}}}",
        "paths: {/a: {post: {requestBody: {content: {multipart/form-data: {\
         schema: {type: object, properties: {b: {}}}, \
         encoding: {b: {contentType: 'image/png, image/gif'}}}}}, \
         responses: {'200': {description: d}}}}}",
        [false, true],
    ),
    Whole(
        "style of a field",
        "paths: {/a: {post: {requestBody: {content: {application/x-www-form-urlencoded: {\
         schema: {type: object, properties: {b: {}}}, \
         encoding: {b: {style: form}}}}}, \
         responses: {'200': {description: d}}}}}",
        "paths: {/a: {post: {requestBody: {content: {application/x-www-form-urlencoded: {\
         schema: {type: object, properties: {b: {}}}, \
         encoding: {b: {style: deepObject}}}}}, \
         responses: {'200': {description: d}}}}}",
        [true, true],
    ),
    Whole(
        "method of 3.2",
        "paths: {/a: {get: OK}}",
        "paths: {/a: {get: OK, additionalOperations: {COPY: OK}}}",
        [false, true],
    ),
    Whole(
        "words about the document",
        "paths: {}\ninfo: {title: A, version: '1'}",
        "paths: {}\ninfo: {title: B, version: '2', description: d}\ntags: [{name: a}]\nx-a: 1",
        [false, false],
    ),
    Whole(
        "dialect",
        "paths: {}",
        "paths: {}\njsonSchemaDialect: 'https://spec.openapis.org/oas/3.1/dialect/base'",
        [false, false],
    ),
    Whole(
        "another dialect",
        "paths: {}",
        "paths: {}\njsonSchemaDialect: 'https://json-schema.org/draft-07/schema'",
        [true, true],
    ),
];
