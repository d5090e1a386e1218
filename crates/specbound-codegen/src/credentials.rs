//! The credentials of the client: a member for each security scheme, applied to the operations that
//! name the scheme.
//!
//! A generated client must never send them to another origin than its own, and never show them.

use std::collections::{BTreeMap, BTreeSet};

use heck::ToSnakeCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::document::{Operation, Requirement};
use super::names::{clean, is_identifier, unique};
use super::schemes::{CredentialLocation, Scheme};

/// Methods of `Credentials` that no scheme has the name of.
const RESERVED: [&str; 9] =
    ["new", "connect", "connect_with", "apply", "credential", "default", "clone", "fmt", "into"];

/// The schemes that a client can send, with the names of their methods.
pub struct Schemes<'a> {
    sent: Vec<(&'a Scheme, String)>,
    certificates: BTreeSet<&'a str>,
}

impl<'a> Schemes<'a> {
    pub fn new(all: &'a [Scheme]) -> Schemes<'a> {
        let mut taken = BTreeSet::from(RESERVED.map(str::to_owned));
        let is_sent = |scheme: &&Scheme| {
            !matches!(
                scheme.location,
                CredentialLocation::Certificate | CredentialLocation::Unsupported
            )
        };
        let named = |scheme: &'a Scheme| {
            let word = scheme.name.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
            let word = word.to_snake_case();
            let word = if is_identifier(&word) { word } else { format!("scheme_{word}") };
            (scheme, unique(word.trim_end_matches('_').to_owned(), &mut taken))
        };
        let is_certificate = |scheme: &&Scheme| scheme.location == CredentialLocation::Certificate;
        let certificates = all.iter().filter(is_certificate).map(|scheme| scheme.name.as_str());
        Schemes {
            certificates: certificates.collect(),
            sent: all.iter().filter(is_sent).map(named).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// The method that takes the credentials of a scheme, and the scheme.
    pub fn setter(&self, name: &str) -> Option<(syn::Ident, &'a Scheme)> {
        let (scheme, setter) = self.sent.iter().find(|(scheme, _)| scheme.name == name)?;
        Some((format_ident!("{setter}"), scheme))
    }

    /// `struct Credentials` of a client, and the hooks that apply them.
    pub fn of_client(&self, operations: &[Operation]) -> TokenStream {
        let (credentials, hidden) = (self.credentials(operations), self.hidden());
        quote! {
            #credentials

            impl Credentials {
                /// A client of the server at this URL, which sends these credentials.
                #[cfg(not(target_arch = "wasm32"))]
                pub fn connect(self, baseurl: &str) -> ::reqwest::Result<Client> {
                    let limit = ::std::time::Duration::from_secs(15);
                    let builder = ::reqwest::Client::builder().connect_timeout(limit);
                    self.connect_with(baseurl, builder.timeout(limit))
                }

                /// The same on an HTTP client of your own. The redirect policy of the builder is
                /// replaced: a redirect to another origin is not followed, and is an unexpected
                /// response.
                #[cfg(not(target_arch = "wasm32"))]
                pub fn connect_with(
                    self,
                    baseurl: &str,
                    builder: ::reqwest::ClientBuilder,
                ) -> ::reqwest::Result<Client> {
                    let within = ::reqwest::redirect::Policy::custom(|attempt| {
                        let from = attempt.previous().last();
                        if from.is_none_or(|from| from.origin() != attempt.url().origin()) {
                            attempt.stop()
                        } else if attempt.previous().len() > 10 {
                            attempt.error("too many redirects")
                        } else {
                            attempt.follow()
                        }
                    });
                    let client = builder.redirect(within).build()?;
                    Ok(Client { credentials: self, ..Client::new_with_client(baseurl, client) })
                }
            }

            impl ClientHooks<()> for &Client {
                async fn pre<E>(
                    &self,
                    request: &mut ::reqwest::Request,
                    info: &OperationInfo,
                ) -> Result<(), Error<E>> {
                    self.credentials.apply(&self.client, request, info.operation_id)
                }

                async fn exec(
                    &self,
                    request: ::reqwest::Request,
                    _: &OperationInfo,
                ) -> ::reqwest::Result<::reqwest::Response> {
                    self.client.execute(request).await #hidden
                }
            }
        }
    }

    /// Whether a key stands in the query, which `Debug` of a response shows with its URL.
    pub fn has_query(&self) -> bool {
        let is_query = |scheme: &Scheme| matches!(scheme.location, CredentialLocation::Query(_));
        self.sent.iter().any(|(scheme, _)| is_query(scheme))
    }

    /// Calls that hide a key in the URL of a result.
    pub fn hidden(&self) -> Option<TokenStream> {
        let hidden = quote!(.map(without_query).map_err(::reqwest::Error::without_url));
        self.has_query().then_some(hidden)
    }

    /// `struct Credentials` with its methods.
    pub fn credentials(&self, operations: &[Operation]) -> TokenStream {
        let fields = self.sent.iter().map(|(scheme, name)| {
            let (name, kind) = (
                format_ident!("{name}"),
                if is_basic(scheme) { quote!((String, String)) } else { quote!(String) },
            );
            quote!(#name: Option<#kind>)
        });
        let setters = self.sent.iter().map(|(scheme, name)| setter(scheme, name));
        let shown = self.sent.iter().map(|(_, name)| {
            let field = format_ident!("{name}");
            quote!(.field(#name, &self.#field.as_ref().map(|_| ::std::format_args!("[redacted]"))))
        });
        let found = self.sent.iter().map(|(scheme, name)| {
            let (field, name) = (format_ident!("{name}"), &scheme.name);
            let value = quote!(self.#field.as_deref()?);
            let credential = match &scheme.location {
                CredentialLocation::Authorization(_) if is_basic(scheme) => {
                    quote! {{
                        let (username, password) = self.#field.as_ref()?;
                        Credential::Basic(username, password)
                    }}
                }
                CredentialLocation::Authorization(word) => {
                    quote!(Credential::Authorization(#word, #value))
                }
                CredentialLocation::Header(name) => quote!(Credential::Header(#name, #value)),
                CredentialLocation::Cookie(name) => quote!(Credential::Cookie(#name, #value)),
                CredentialLocation::Query(name) => quote!(Credential::Query(#name, #value)),
                CredentialLocation::Certificate | CredentialLocation::Unsupported => {
                    return quote!();
                }
            };
            quote!(#name => #credential,)
        });
        let alternatives = self.alternatives(operations);
        quote! {
            /// Credentials for the security schemes of the document. An operation gets those that
            /// its security requires: of the first alternative whose credentials are all set.
            /// `Debug` shows none of them.
            ///
            /// A certificate (`mutualTLS`) is the identity of the `reqwest::ClientBuilder`.
            #[derive(Clone, Default)]
            pub struct Credentials { #(#fields),* }

            impl Credentials {
                /// Without any.
                pub fn new() -> Credentials {
                    Credentials::default()
                }

                #(#setters)*

                fn credential(&self, scheme: &str) -> Option<Credential<'_>> {
                    Some(match scheme {
                        #(#found)*
                        _ => return None,
                    })
                }

                /// Adds those of the first alternative that is complete.
                fn apply<E>(
                    &self,
                    client: &::reqwest::Client,
                    request: &mut ::reqwest::Request,
                    operation: &str,
                ) -> Result<(), Error<E>> {
                    let of = |schemes: &&[&str]| {
                        schemes.iter().map(|scheme| self.credential(scheme)).collect()
                    };
                    let found: Option<Vec<Credential<'_>>> =
                        alternatives(operation).iter().find_map(of);
                    for credential in found.into_iter().flatten() {
                        credential.apply(client, request)?;
                    }
                    Ok(())
                }
            }

            impl ::std::fmt::Debug for Credentials {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    f.debug_struct("Credentials")#(#shown)*.finish()
                }
            }

            #alternatives
        }
    }

    /// A function of the alternatives by operation: in each the schemes whose credentials are sent.
    fn alternatives(&self, operations: &[Operation]) -> TokenStream {
        let is_certificate =
            |requirement: &Requirement| self.certificates.contains(requirement.scheme.as_str());
        let mut by_security: BTreeMap<Vec<Vec<&str>>, BTreeSet<String>> = BTreeMap::new();
        for operation in operations {
            let alternatives = operation.security.iter().map(|alternative| {
                let sent = alternative.iter().filter(|one| !is_certificate(one));
                sent.map(|one| one.scheme.as_str()).collect::<Vec<_>>()
            });
            let alternatives: Vec<_> = alternatives.filter(|schemes| !schemes.is_empty()).collect();
            if !alternatives.is_empty() {
                // Methods pass their own name.
                let method = operation.id.to_snake_case();
                by_security.entry(alternatives).or_default().insert(method);
            }
        }
        let arms = by_security.iter().map(|(alternatives, operations)| {
            let alternatives = alternatives.iter().map(|schemes| quote!(&[#(#schemes),*]));
            quote!(#(#operations)|* => &[#(#alternatives),*],)
        });
        quote! {
            fn alternatives(operation: &str) -> &'static [&'static [&'static str]] {
                match operation {
                    #(#arms)*
                    _ => &[],
                }
            }
        }
    }
}

fn is_basic(scheme: &Scheme) -> bool {
    scheme.location == CredentialLocation::Authorization("Basic".to_owned())
}

/// The method that takes the credentials of a scheme.
fn setter(scheme: &Scheme, name: &str) -> TokenStream {
    let field = format_ident!("{name}");
    let place = match &scheme.location {
        CredentialLocation::Authorization(word) => format!("`Authorization: {word}`"),
        CredentialLocation::Header(name) => format!("the header `{name}`, as it stands"),
        CredentialLocation::Cookie(name) => format!("the cookie `{name}`"),
        CredentialLocation::Query(name) => format!("the query parameter `{name}`"),
        CredentialLocation::Certificate | CredentialLocation::Unsupported => return quote!(),
    };
    let doc = format!(" `{}`: {place}.", clean(&scheme.name));
    if is_basic(scheme) {
        return quote! {
            #[doc = #doc]
            pub fn #field(
                mut self,
                username: impl Into<String>,
                password: impl Into<String>,
            ) -> Credentials {
                self.#field = Some((username.into(), password.into()));
                self
            }
        };
    }
    quote! {
        #[doc = #doc]
        pub fn #field(mut self, value: impl Into<String>) -> Credentials {
            self.#field = Some(value.into());
            self
        }
    }
}
