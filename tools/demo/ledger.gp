# SPDX-License-Identifier: MIT
# The ledger over time, a panel a release mode: what is resident, stacked by what
# it is, on top of it what is gone, and the line that ps and top show. Called by
# record.py with `modes`, a title for each, and the output set, in the folder of
# the tables.
set terminal svg size 1100,760 font "sans-serif,13" background "white"
set datafile separator "\t"
set multiplot layout 2,2 title "redis-server: what is resident (MiB), by release mode"
set style fill solid 0.85 noborder
set key outside below center horizontal samplen 2
set xlabel "seconds" offset 0,0.6
set yrange [0:250]
set xtics offset 0,0.3
set grid ytics lc rgb "#dddddd"
do for [mode in modes] {
	ledger = sprintf("ledger-%s.tsv", mode)
	steps = sprintf("steps-%s.tsv", mode)
	set title value("title_".mode)
	plot ledger using 1:($5+$2+$3+$4+$7) every ::1 with filledcurves x1 lc rgb "#ececec" title "gone", \
	     ledger using 1:($5+$2+$3+$4) every ::1 with filledcurves x1 lc rgb "#f2c14e" title "lazily freed", \
	     ledger using 1:($5+$2+$3) every ::1 with filledcurves x1 lc rgb "#8fc1a9" title "idle", \
	     ledger using 1:($5+$2) every ::1 with filledcurves x1 lc rgb "#3d6b99" title "in use", \
	     ledger using 1:5 every ::1 with filledcurves x1 lc rgb "#9a9a9a" title "other", \
	     ledger using 1:6 every ::1 with lines lw 2 lc rgb "#c0392b" title "VmRSS", \
	     steps using 1:(248):2 with labels right rotate by 90 offset 0.6,0 font ",10" notitle, \
	     steps using 1:(250) with impulses lc rgb "#444444" notitle
}
unset multiplot
