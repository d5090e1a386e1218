//! The operator's brand color, and the nearest shades in which text is legible.

use std::fmt;
use std::str::FromStr;

/// Contrast of text with its ground (WCAG 2.2, 1.4.3).
const MIN_CONTRAST: f64 = 4.5;

/// In sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub [u8; 3]);

impl Color {
    pub const BLACK: Color = Color([0; 3]);
    pub const WHITE: Color = Color([255; 3]);

    /// The first shade on the way to `end` that is legible on `ground`.
    pub fn legible_on(self, ground: Color, end: Color) -> Color {
        let shade = |step: u16| {
            let mix = |(from, to): (u8, u8)| {
                u8::try_from((u16::from(from) * (20 - step) + u16::from(to) * step) / 20)
                    .unwrap_or(to)
            };
            let ([r, g, b], [end_r, end_g, end_b]) = (self.0, end.0);
            Color([(r, end_r), (g, end_g), (b, end_b)].map(mix))
        };
        (0..=20).map(shade).find(|shade| shade.contrast(ground) >= MIN_CONTRAST).unwrap_or(end)
    }

    /// From 1 to 21.
    pub fn contrast(self, other: Color) -> f64 {
        let (own, other) = (self.luminance(), other.luminance());
        (own.max(other) + 0.05) / (own.min(other) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = self.0.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Color([r, g, b]) = self;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

impl FromStr for Color {
    type Err = ();

    fn from_str(text: &str) -> Result<Color, ()> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(())?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(())?;
        let [_, r, g, b] = number.to_be_bytes();
        Ok(Color([r, g, b]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_six_hexadecimal_digits() {
        assert_eq!("#1f5FAE".parse::<Color>().unwrap().to_string(), "#1f5fae");
        for text in ["", "1f5fae", "#1f5fa", "#1f5fae0", "#1f5faé", "#+f5fae", "red", "#1f5fag"] {
            assert_eq!(text.parse::<Color>(), Err(()), "{text}");
        }
    }

    #[test]
    fn contrast_follows_wcag() {
        let contrast = Color::BLACK.contrast(Color::WHITE);
        assert!((contrast - 21.0).abs() < 1e-9, "{contrast}");
        // The grey that just passes on white.
        let grey = |level: u8| Color([level; 3]).contrast(Color::WHITE);
        assert!(grey(0x76) >= 4.5 && grey(0x77) < 4.5);
    }

    #[test]
    fn illegible_color_is_replaced_by_a_legible_shade() {
        for level in (0..=255).step_by(5) {
            for color in [[level, 0, 0], [0, level, 0], [level, level, 0], [level; 3]].map(Color) {
                for (ground, end) in
                    [(Color::WHITE, Color::BLACK), (Color([0x1d, 0x2c, 0x40]), Color::WHITE)]
                {
                    let shade = color.legible_on(ground, end);
                    assert!(shade.contrast(ground) >= 4.5, "{color} on {ground}: {shade}");
                    assert!(color.contrast(ground) < 4.5 || shade == color, "{color}");
                }
            }
        }
    }
}
