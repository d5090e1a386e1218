//! Examples and counter-examples of the standards, and of the JSON Schema test suite's kind.

use serde_json::json;

use super::TextFormat::*;
use super::*;

fn check(format: TextFormat, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(format.holds(text), "{}: {text:?} has the format", format.name());
    }
    for text in bad {
        assert!(!format.holds(text), "{}: {text:?} has not the format", format.name());
    }
}

#[test]
fn uri_is_absolute_and_of_the_characters_of_rfc_3986() {
    let good = [
        // Section 1.1.2.
        "ftp://ftp.is.co.za/rfc/rfc1808.txt",
        "http://www.ietf.org/rfc/rfc2396.txt",
        "ldap://[2001:db8::7]/c=GB?objectClass?one",
        "mailto:John.Doe@example.com",
        "news:comp.infosystems.www.servers.unix",
        "tel:+1-816-555-1212",
        "telnet://192.0.2.16:80/",
        "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
        "http://user:pass@example.com:8042/over/there?name=ferret#nose",
        "http://[v1.fe80::a+en1]:8080",
        "file:///etc/hosts",
        "http://example.com:/",
        "x:",
        "https://example.com/%C3%A9?a=/?#a/?",
        "https://example.com//double//slash",
    ];
    let bad = [
        "",
        "/relative",
        "//example.com/path",
        "example.com",
        "://example.com",
        "1http://example.com",
        "ht_tp://example.com",
        "http://example.com/a b",
        "http://example.com/é",
        "http://example.com/%zz",
        "http://example.com/%4",
        "http://example.com:port/",
        "http://a@b@example.com/",
        "http://[2001:db8::7",
        "http://[2001:db8::7]x/",
        "http://[192.0.2.1]/",
        "http://[fe80::1%25en1]/",
        "http://example.com/[a]",
        "http://example.com/#a#b",
        "http://example.com/\\share",
        "http://example.com/<a>",
        "http://example.com/\n",
    ];
    check(Uri, &good, &bad);
}

#[test]
fn uri_reference_may_be_relative() {
    let good = [
        "",
        "#fragment",
        "?query",
        "g",
        "./g:h",
        "../../g",
        "/g",
        "//example.com/g",
        "a/b:c",
        "http://example.com/",
    ];
    let bad = ["1:b", "a b", "\\\\share", "%", "é", "#a#b", ":", "http://[::1"];
    check(UriReference, &good, &bad);
}

#[test]
fn iri_has_letters_beyond_ascii_as_well() {
    let good = ["http://ƒøø.ßår/?∂éœ=πîx#πîüx", "http://résumé.example.org", "x:\u{10300}", "a:b"];
    let bad = ["/é", "http://é/ ", "x:\u{FFFE}", "x:\u{E000}", "x:#\u{E000}", "x:\u{85}"];
    check(Iri, &good, &bad);
    check(Iri, &["x:?\u{E000}"], &["é:x"]);
    check(IriReference, &["", "é", "/ü?ö#ä", "//ñ.example"], &["é:x", "a b", "é^"]);
}

#[test]
fn uri_template_has_expressions_of_rfc_6570() {
    let good = [
        "",
        "http://example.com/~{username}/",
        "http://example.com/search{?q,lang}",
        "{+path:6}/here",
        "{/var:1,var}",
        "{;x,y,empty}",
        "{&list*}",
        "{#keys*}",
        "{.who.first,%41b_1}",
        "é'",
    ];
    let bad = [
        "{",
        "}",
        "{}",
        "{a,}",
        "{a:0}",
        "{a:10000}",
        "{a:x}",
        "{a**}",
        "{a b}",
        "{a..b}",
        "{-a}",
        "{{a}}",
        "a b",
        "%4",
        "<a>",
        "a|b",
    ];
    check(UriTemplate, &good, &bad);
}

#[test]
fn hostname_has_labels_of_letters_digits_and_hyphens() {
    let label = "a".repeat(63);
    let long = format!("{label}.{label}.{label}.{label}");
    let longest = &long[..253];
    let good = ["example.com", "a", "3com.com", "xn--4gbwdl.xn--wgbh1c", "a--b", longest, &label];
    let too_long = "a".repeat(64);
    let bad = [
        "",
        ".",
        "example.com.",
        ".example.com",
        "a..b",
        "-a",
        "a-",
        "a_b",
        "a b",
        "é",
        "[::1]",
        "a:80",
        &long[..254],
        &too_long,
    ];
    check(Hostname, &good, &bad);
    check(IdnHostname, &["실례.테스트", "ä.example", "a。b", "example.com"], &[]);
    check(IdnHostname, &[], &["", "ä..b", "-ä", "ä b", "ä_b", "ä。。b", "ä\u{a0}b", &too_long]);
}

#[test]
fn addresses_are_those_of_their_version() {
    check(Ipv4, &["192.0.2.1", "0.0.0.0"], &["256.0.0.1", "1.2.3", "01.2.3.4", "1.2.3.4/8", ""]);
    check(Ipv6, &["::1", "2001:db8::7", "::ffff:192.0.2.1"], &["::1%en1", "1::2::3", "[::1]", ""]);
}

#[test]
fn dates_and_times_are_those_of_rfc_3339() {
    let good = ["2024-02-29", "2000-02-29", "1963-06-19", "0000-01-01"];
    let bad = ["2023-02-29", "1900-02-29", "2024-13-01", "2024-04-31", "2024-01-00", "24-01-01"];
    check(Date, &good, &bad);
    check(Date, &[], &["2024-1-1", "+2024-01-01", "2024-01-01Z", "2024-01-01 ", "２024-01-01", ""]);
    let good = ["08:30:06Z", "08:30:06.283185+05:30", "23:59:60Z", "01:29:60+01:30", "08:30:06z"];
    let bad = ["08:30:06", "24:00:00Z", "08:60:00Z", "08:30:61Z", "22:59:60Z", "8:30:06Z", ""];
    check(Time, &good, &bad);
    check(Time, &["15:59:60-08:00"], &["08:30:06+24:00", "08:30:06.Z", "08:30:06 Z", "08:30Z"]);
    check(TimeLocal, &["08:30:06", "08:30:06.5"], &["08:30:06Z", "08:30", ""]);
    let good = ["1985-04-12T23:20:50.52Z", "1996-12-19T16:39:57-08:00", "1990-12-31T23:59:60Z"];
    let bad = ["1985-04-12 23:20:50Z", "1985-04-12T23:20:50", "1985-04-31T00:00:00Z", "T", ""];
    check(DateTime, &good, &bad);
    check(DateTimeLocal, &["1985-04-12T23:20:50"], &["1985-04-12T23:20:50Z", "1985-04-12"]);
}

#[test]
fn duration_has_units_in_order_without_gaps() {
    let good = ["P4DT12H30M5S", "PT0S", "P2W", "P1Y2M3D", "P1M", "PT1M", "PT36H", "P1YT1H"];
    let bad = [
        "", "P", "PT", "P1YT", "P2D1Y", "P1Y2D", "PT1H2S", "P1", "P2S", "PT1D", "P1Y2W", "P-1D",
        "P0.5D", "4D", "P1D1D", "PW", "P１D",
    ];
    check(Duration, &good, &bad);
}

#[test]
fn pointers_escape_tilde_and_slash() {
    let good = ["", "/", "/foo/0", "/a~1b", "/m~0n", "//", "/ä ", "/~0~1"];
    check(JsonPointer, &good, &["a", "#", "#/a", "/~", "/~2", "/a~", "0"]);
    let good = ["0", "1/0", "2/highly/nested", "0#", "120/", "0+1/a", "0-1#"];
    let bad = ["", "/a", "-1/a", "+1/a", "01/a", "01#", "0##", "0a", "#", "0+", "0+01", "1/~"];
    check(RelativeJsonPointer, &good, &bad);
}

#[test]
fn regex_is_refused_where_no_engine_reads_it() {
    let good = [
        "",
        "([abc])+\\s+$",
        "^(?!a)(?:b|c)*?$",
        "(?<year>\\d{4})-\\k<year>",
        "(?<=a)b(?<!c)",
        "(?i-s:a)",
        "a{2}b{2,}c{2,3}?d{,3}{",
        "[^]a]",
        "[]",
        "[\\]-]",
        "[[a-z]&&[b]]",
        "[a-z--b]",
        "\\p{L}\\u{1F600}",
        "]}",
        "(?=a)*",
    ];
    let bad = [
        "(", ")", "^(abc]", "[a", "[a\\]", "*a", "a**", "a|*", "(?a)", "(?<>a)", "(?<1a>b)",
        "(?<a", "\\", "a{3,2}", "{2}", "[z-a]", "^*", "\\b+", "a{2}{3}",
    ];
    check(Regex, &good, &bad);
}

#[test]
fn encoded_bytes_are_those_of_rfc_4648() {
    let good = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYmFy", "+/+/"];
    check(
        Byte,
        &good,
        &["Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", "-_-_", "Z=g=", "é=="],
    );
    let good = ["", "Zg==", "Zg", "Zm8", "Zm8=", "-_-_"];
    check(Base64Url, &good, &["Z", "Zg=", "Zg===", "Z===", "====", "+/+/", "Z=g=", "Zm9v=", "Z g"]);
}

#[test]
fn uuid_has_five_groups_of_digits() {
    let good = ["123e4567-e89b-12d3-a456-426614174000", "2EB8AA08-AA98-11EA-B4AA-73B441D16380"];
    let bad = [
        "123e4567e89b12d3a456426614174000",
        "{123e4567-e89b-12d3-a456-426614174000}",
        "123e4567-e89b-12d3-a456-42661417400",
        "123e4567-e89b-12d3-a456-42661417400g",
        "123e-4567e89b-12d3-a456-426614174000",
        "",
    ];
    check(Uuid, &good, &bad);
}

#[test]
fn email_is_text_around_one_at() {
    check(Email, &["ada@example.com"], &["ada", "@example.com", "ada@", "a@b@c", "a d@a"]);
    check(IdnEmail, &["实例@例子.测试"], &["实例"]);
}

#[test]
fn hostile_texts_take_time_in_proportion() {
    let started = std::time::Instant::now();
    for piece in ["a", "(", "[", "{1", "{a}", "/~0", "a.", "%41", "1", "P1Y", "@", ":", "é", "="] {
        let text = piece.repeat(1 << 15);
        for format in TextFormat::ALL {
            format.holds(&text);
            format.holds(&format!("x:{text}"));
        }
    }
    assert!(started.elapsed().as_secs() < 20);
}

#[test]
fn formats_are_found_by_their_names() {
    for format in TextFormat::ALL {
        assert_eq!(TextFormat::of(&json!({ "format": format.name() })), Some(*format));
    }
    assert_eq!(TextFormat::of(&json!({ "format": "password" })), None);
}
