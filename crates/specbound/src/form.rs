//! Request bodies with files: `multipart/form-data` as two types, one for its fields and one for
//! its files.

use std::marker::PhantomData;

use dropshot::{ApiEndpointBodyContentType, ApiEndpointParameter, ExclusiveExtractor, TypedBody};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::call::{Checked, Input, RequestBody};
use crate::fields::{FieldErrors, Rules};
use crate::files::{FormFiles, SentFiles};
use crate::keywords::Formats;
use crate::multipart;
use crate::operation::{ContentTypes, HasConstraints};
use crate::{ApiError, LazyBody, typed};

/// A form with files. `T` has its other members.
pub struct FormBody<T, F, C, const REQUIRED: bool = true>(PhantomData<Markers<T, F, C>>);

/// Types that a body names and holds no value of.
type Markers<T, F, C> = fn() -> (T, F, C);

/// A form that was read.
#[derive(Debug)]
pub struct Form<T, F> {
    /// The members that are no files.
    pub fields: T,
    /// The files.
    pub files: F,
}

impl<T, F, C, const REQUIRED: bool> RequestBody for FormBody<T, F, C, REQUIRED>
where
    T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
    F: FormFiles,
    C: ContentTypes,
{
    type Input = FormInput<T, F>;

    const REQUIRED: bool = REQUIRED;

    fn media_types() -> Vec<&'static str> {
        C::MEDIA_TYPES.to_vec()
    }

    async fn read(
        mut body: LazyBody,
        formats: &'static Formats,
    ) -> Result<FormInput<T, F>, ApiError> {
        body.require_type(C::MEDIA_TYPES)?;
        let sent = Box::pin(multipart::read(body.into_form()?, F::ALL, T::PROPERTIES)).await?;
        let input = Input::new(sent.fields, formats);
        Ok(FormInput { input, files: sent.files, errors: sent.errors, marker: PhantomData })
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> Vec<ApiEndpointParameter> {
        <TypedBody<T> as ExclusiveExtractor>::metadata(content_type).parameters
    }
}

impl<T, F, C, const REQUIRED: bool> typed::TypedBody for FormBody<T, F, C, REQUIRED>
where
    T: HasConstraints + JsonSchema + DeserializeOwned + Send + Sync + 'static,
    F: FormFiles,
    C: ContentTypes,
{
    type Value = Form<T, F>;

    async fn read_value(body: LazyBody, formats: &'static Formats) -> Result<Form<T, F>, ApiError> {
        <Self as RequestBody>::read(body, formats).await?.read()
    }
}

/// A form before any check of its fields.
pub struct FormInput<T, F> {
    input: Input<T>,
    files: SentFiles,
    errors: FieldErrors,
    marker: PhantomData<fn() -> F>,
}

impl<T: HasConstraints + DeserializeOwned, F: FormFiles> FormInput<T, F> {
    /// Checked against the document alone.
    ///
    /// # Errors
    ///
    /// 400 with every bad field and every bad file.
    pub fn read(self) -> Result<Form<T, F>, ApiError> {
        self.check(Rules::default()).finish(FieldErrors::default())
    }

    /// Checked against the document; errors of the domain are added before
    /// [`CheckedForm::finish`].
    pub fn check(self, rules: Rules<'_>) -> CheckedForm<T, F> {
        CheckedForm {
            fields: self.input.check(rules).without_faults_of(&self.errors),
            files: self.files,
            errors: self.errors,
            marker: PhantomData,
        }
    }
}

/// The valid part of a form.
pub struct CheckedForm<T, F> {
    /// The fields.
    pub fields: Checked<T>,
    files: SentFiles,
    errors: FieldErrors,
    marker: PhantomData<fn() -> F>,
}

impl<T: HasConstraints + DeserializeOwned, F: FormFiles> CheckedForm<T, F> {
    /// # Errors
    ///
    /// 400 with every field and file that the document or the domain found bad.
    pub fn finish(mut self, found: impl Into<FieldErrors>) -> Result<Form<T, F>, ApiError> {
        self.errors.extend(found.into());
        let fields = self.fields.finish(self.errors)?;
        match F::take(&mut self.files) {
            Some(files) => Ok(Form { fields, files }),
            None => Err(ApiError::internal("a required file is missing".to_owned())),
        }
    }
}
