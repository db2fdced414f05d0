//! Columns of text, aligned by what a terminal shows of them.

use console::measure_text_width;

/// Rows below a head, columns two spaces apart; Chinese letters count two columns, colours none.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(String::as_str);
        cells.chain(head.get(index).copied()).map(measure_text_width).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut lines = vec![aligned(head.iter().copied(), &widths)];
    lines.extend(rows.iter().map(|row| aligned(row.iter().map(String::as_str), &widths)));
    lines.join("\n")
}

fn aligned<'a>(cells: impl Iterator<Item = &'a str>, widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths) {
        line.push_str(cell);
        let missing = width.saturating_sub(measure_text_width(cell)) + 2;
        line.extend(std::iter::repeat_n(' ', missing));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let text = table(&["A", "B"], &[row(["镜像", "x"]), row(["y", ""])]);
        assert_eq!(text, "A     B\n镜像  x\ny");
    }
}
