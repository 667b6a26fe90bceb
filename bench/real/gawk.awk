# SPDX-License-Identifier: MIT
# Associative arrays, fields, concatenation, substitution.
BEGIN {
	for (round = 1; round <= 2; round++) {
		for (i = 1; i <= 60000; i++) {
			line = "word" (i * 7919 % 20011) " " i " text" (i % 97) " " (i * i % 1009)
			n = split(line, field, " ")
			for (k = 1; k <= n; k++)
				count[field[k]]++
			gsub(/t/, "tt", line)
			list[i % 5000] = list[i % 5000] "," substr(line, 1, 20)
		}
		for (word in count)
			sum += length(word) * count[word]
		for (i in list)
			sum += length(list[i])
		delete list
	}
	print sum
}
