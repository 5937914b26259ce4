//! Plots over time as SVG, inline in a page: no script, no file, colours by the page's style. Pure.

use std::fmt::Write as _;

/// The size of a plot, and the space for its axes, in the SVG's units.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 20.0;
/// Lines of the grid above the axis.
const STEPS: u32 = 4;
/// A label of the time axis every so many seconds.
const SECONDS_EACH: u32 = 20;

/// One line. Seconds without a figure leave a gap.
pub(crate) struct Line {
    pub name: &'static str,
    /// The class that gives it its colour: `c1` to `c5`.
    pub class: &'static str,
    /// A figure for each second, from the first on.
    pub figures: Vec<Option<f64>>,
}

/// One plot.
pub(crate) struct Plot {
    pub title: &'static str,
    pub lines: Vec<Line>,
    /// A goal, drawn across.
    pub limit: Option<f64>,
    /// Seconds that say nothing, from 1: drawn grey.
    pub void: Vec<u32>,
}

impl Plot {
    /// The greatest figure.
    pub(crate) fn most(&self) -> f64 {
        let figures = self.lines.iter().flat_map(|line| line.figures.iter().flatten());
        figures.copied().filter(|figure| figure.is_finite()).fold(0.0, f64::max)
    }

    /// Draws it with axes up to `seconds` and `top`, so that plots beside each other compare.
    pub(crate) fn svg(&self, seconds: u32, top: f64) -> String {
        let top = top.max(f64::MIN_POSITIVE);
        let x = |second: f64| LEFT + second / f64::from(seconds.max(1)) * (WIDTH - LEFT - RIGHT);
        let y = |figure: f64| HEIGHT - BOTTOM - (figure / top).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n", self.title);
        for second in &self.void {
            let (from, to) = (x(f64::from(*second) - 1.0), x(f64::from(*second)));
            let (wide, high) = (to - from, HEIGHT - TOP - BOTTOM);
            let _ = writeln!(
                svg,
                "<rect class=\"void\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{wide:.1}\" height=\"{high}\"/>"
            );
        }
        for step in 0..=STEPS {
            let figure = top * f64::from(step) / f64::from(STEPS);
            let (at, right) = (y(figure), WIDTH - RIGHT);
            let _ = writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
            let (left, base) = (LEFT - 5.0, at + 3.5);
            let _ = writeln!(svg, "<text class=\"end\" x=\"{left}\" y=\"{base:.1}\">{}</text>", short(figure));
        }
        for second in (0..=seconds).step_by(SECONDS_EACH as usize) {
            let (at, base) = (x(f64::from(second)), HEIGHT - 5.0);
            let _ = writeln!(svg, "<text class=\"mid\" x=\"{at:.1}\" y=\"{base}\">{second} s</text>");
        }
        if let Some(limit) = self.limit.filter(|limit| *limit <= top) {
            let (at, right) = (y(limit), WIDTH - RIGHT);
            let _ = writeln!(svg, "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        }
        for line in &self.lines {
            let _ = writeln!(svg, "<path class=\"{}\" d=\"{}\"/>", line.class, path(&line.figures, x, y));
        }
        self.legend(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    /// Title and names, above the plot.
    fn legend(&self, svg: &mut String) {
        let mut names = String::new();
        for Line { name, class, .. } in &self.lines {
            let _ = write!(names, "<tspan class=\"{class}\" dx=\"12\">● </tspan><tspan>{name}</tspan>");
        }
        let _ =
            writeln!(svg, "<text x=\"{LEFT}\" y=\"15\"><tspan class=\"title\">{}</tspan>{names}</text>", self.title);
    }
}

/// A path through the figures; after a gap it begins again.
fn path(figures: &[Option<f64>], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let (mut path, mut draws) = (String::new(), false);
    for (second, figure) in (1u32..).zip(figures) {
        let Some(figure) = figure.filter(|figure| figure.is_finite()) else {
            draws = false;
            continue;
        };
        // A point alone is a line without length, whose round ends show.
        let command = if draws { 'L' } else { 'M' };
        let (x, y) = (x(f64::from(second) - 0.5), y(figure));
        let _ = write!(path, "{command}{x:.1} {y:.1}");
        if !draws {
            path.push('h');
            path.push('0');
        }
        draws = true;
    }
    path
}

/// The round number at or above a figure, for the top of an axis.
pub(crate) fn round_up(figure: f64) -> f64 {
    if !(figure > 0.0 && figure.is_finite()) {
        return 1.0;
    }
    let scale = 10f64.powf(figure.log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 10.0].map(|step| step * scale);
    steps.into_iter().find(|step| *step >= figure * 0.999_999).unwrap_or(10.0 * scale)
}

/// A figure with as many digits as an axis needs.
fn short(figure: f64) -> String {
    match figure {
        figure if figure == 0.0 || figure >= 20.0 => format!("{figure:.0}"),
        figure if figure >= 1.0 => format!("{figure:.1}"),
        figure => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_ends_at_a_round_number() {
        for (figure, top) in [(0.0, 1.0), (0.3, 0.4), (1.0, 1.0), (437.0, 500.0), (1500.0, 2000.0), (f64::NAN, 1.0)] {
            assert!((round_up(figure) - top).abs() < 1e-9, "{figure}: {}", round_up(figure));
        }
    }

    #[test]
    fn path_has_a_gap_where_there_is_no_figure() {
        let figures = [Some(1.0), Some(2.0), None, Some(f64::INFINITY), Some(3.0)];
        assert_eq!(path(&figures, |x| x, |y| y), "M0.5 1.0h0L1.5 2.0M4.5 3.0h0");
    }

    #[test]
    fn plot_stays_within_its_axes_and_marks_void_seconds() {
        let line = Line { name: "p95", class: "c1", figures: vec![Some(5.0), Some(900.0)] };
        let plot = Plot { title: "join", lines: vec![line], limit: Some(50.0), void: vec![2] };
        assert_eq!(plot.most(), 900.0);
        let svg = plot.svg(2, 100.0);
        assert!(svg.contains("L419.5 26.0"), "{svg}");
        assert_eq!((svg.matches("class=\"void\"").count(), svg.matches("class=\"limit\"").count()), (1, 1));
        assert!(!plot.svg(2, 10.0).contains("class=\"limit\""), "a limit beyond the axis is not drawn at its end");
    }
}
