# SPDX-License-Identifier: MIT
# The comparison: a line a row, a mark an allocator, by how many times it is over the
# best of the row; a panel for the loops, one for the rest. Called by compare with
# `micro`, `others` (tables: names in a first line, then row and multiples), `in_micro`,
# `in_others` (how many rows), `nr` of allocators, `most` and the output set.
set terminal svg size 1100,in_others*19+130 font "sans-serif,12" background "white"
set datafile separator "\t"
set datafile missing "-"
set multiplot layout 1,2 title "How many times over the best of the row: instructions (left), CPU time and memory (right); less is better"
set key outside below center horizontal samplen 1
set logscale x 2
set xrange [0.93:most*1.1]
set xtics (1, 1.15, 1.5, 2, 3, 4, 6, sprintf("%d+", most) most)
set grid xtics ytics lc rgb "#e4e4e4"
array colour[8] = ["#c0392b", "#3d6b99", "#8fc1a9", "#f2c14e", "#8e6bb0", "#9a9a9a", "#555555", "#000000"]
array shape[8] = [7, 4, 8, 10, 12, 2, 1, 3]
held(x) = x > most ? most : x
do for [panel=1:2] {
	if (panel == 2) { unset key }
	file = panel == 1 ? micro : others
	set yrange [(panel == 1 ? in_micro : in_others)-0.5:-0.5]
	set arrow 1 from 1.15, graph 0 to 1.15, graph 1 nohead dt 2 lc rgb "#c0392b"
	plot for [i=nr:1:-1] file using (held(column(i+1))):0:ytic(1) with points \
		pt shape[i] ps (i == 1 ? 1.0 : 0.8) lw 2 lc rgb colour[i] title columnheader(i+1)
}
unset multiplot
