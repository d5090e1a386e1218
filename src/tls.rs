//! TLS from two PEM files, which are reloaded when they change.
//!
//! A new pair is used only if it is complete and the key matches; until then the previous one
//! stays. Open connections are kept. Neither keys nor file contents are logged.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::config::PemFiles;

/// One line that names the setting of the invalid file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("INVENTREE_{setting}: {}: {reason}", .file.display())]
    File { setting: &'static str, file: PathBuf, reason: String },
    #[error("no TLS protocol version is available: {0}")]
    Versions(rustls::Error),
}

/// A certificate and key, with the modification times of their files.
pub struct LoadedCertificate {
    files: PemFiles,
    written: [Option<SystemTime>; 2],
    expiry: i64,
}

impl LoadedCertificate {
    /// # Errors
    ///
    /// [`TlsError`]
    pub fn read(files: &PemFiles) -> Result<(LoadedCertificate, Arc<ServerConfig>), TlsError> {
        // Taken before reading: a file that changes meanwhile is read again.
        let written = modified(files);
        let (config, expiry) = read(files)?;
        Ok((LoadedCertificate { files: files.clone(), written, expiry }, config))
    }

    /// When the certificate in use expires, in seconds since the Unix epoch.
    pub fn expiry(&self) -> i64 {
        self.expiry
    }

    pub fn has_changed(&self) -> bool {
        modified(&self.files) != self.written
    }

    /// Reads the files again. A broken pair counts as read, so that it is reported once.
    ///
    /// # Errors
    ///
    /// As [`LoadedCertificate::read`].
    pub fn reload(&mut self) -> Result<Arc<ServerConfig>, TlsError> {
        self.written = modified(&self.files);
        let (config, expiry) = read(&self.files)?;
        self.expiry = expiry;
        Ok(config)
    }
}

fn modified(files: &PemFiles) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key]
        .map(|file| std::fs::metadata(file).and_then(|file| file.modified()).ok())
}

fn read(files: &PemFiles) -> Result<(Arc<ServerConfig>, i64), TlsError> {
    let at = |setting, file: &Path, why: &dyn std::fmt::Display| TlsError::File {
        setting,
        file: file.to_owned(),
        reason: why.to_string(),
    };
    let PemFiles { certificate, key } = files;
    let chain =
        CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|e| at("TLS_CERTIFICATE", certificate, &e))?;
    let Some(first) = chain.first() else {
        return Err(at("TLS_CERTIFICATE", certificate, &"it contains no certificate"));
    };
    let expiry = expiry(first).map_err(|e| at("TLS_CERTIFICATE", certificate, &e))?;
    // PKCS #8, PKCS #1 and SEC 1, the formats of certbot and openssl.
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| match e {
        rustls::pki_types::pem::Error::NoItemsFound => {
            at("TLS_KEY", key, &"it contains no private key, or an encrypted one")
        }
        e => at("TLS_KEY", key, &e),
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Versions)?
        .with_no_client_auth();
    let mut config =
        builder.with_single_cert(chain, private).map_err(|e| at("TLS_KEY", key, &e))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((Arc::new(config), expiry))
}

fn expiry(certificate: &CertificateDer<'_>) -> Result<i64, x509_cert::der::Error> {
    let read = Certificate::from_der(certificate)?;
    let until = read.tbs_certificate.validity.not_after.to_unix_duration();
    Ok(i64::try_from(until.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn put(files: &PemFiles) {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec![]).unwrap();
        std::fs::write(&files.certificate, cert.pem()).unwrap();
        std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    }

    #[test]
    fn change_of_either_file_is_detected_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = PemFiles {
            certificate: folder.path().join("fullchain.pem"),
            key: folder.path().join("privkey.pem"),
        };
        put(&files);
        let (mut pair, _) = LoadedCertificate::read(&files).unwrap();
        assert!(!pair.has_changed());
        for (step, file) in [&files.certificate, &files.key].into_iter().enumerate() {
            let later = SystemTime::now() + Duration::from_secs(60 * (step as u64 + 1));
            std::fs::File::options().write(true).open(file).unwrap().set_modified(later).unwrap();
            assert!(pair.has_changed());
            pair.reload().unwrap();
            assert!(!pair.has_changed());
        }
        std::fs::write(&files.key, "broken").unwrap();
        assert!(pair.has_changed());
        assert!(pair.reload().is_err());
        // A broken pair is reported once, not at every poll.
        assert!(!pair.has_changed());
        std::fs::remove_file(&files.key).unwrap();
        assert!(pair.has_changed());
    }
}
