//! Figures as Markdown tables, and medians.

pub struct Table {
    heads: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(heads: &'static [&'static str]) -> Table {
        Table { heads, rows: Vec::new() }
    }

    /// Also printed immediately to stderr, because a run takes minutes.
    pub fn add(&mut self, cells: Vec<String>) {
        eprintln!("{}", cells.join(" | "));
        self.rows.push(cells);
    }

    pub fn print(&self) {
        println!("| {} |", self.heads.join(" | "));
        println!("|{}", " --- |".repeat(self.heads.len()));
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}

pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Formats as `12,345`, or `1.23` below ten.
pub fn number(figure: f64) -> String {
    if figure < 10.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The machine and date of the figures.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let day = chrono::Utc::now().format("%-d %B %Y");
    format!("{day}, {cores} virtual cores ({model}), load average at the start {load}")
}
