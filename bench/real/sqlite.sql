-- SPDX-License-Identifier: MIT
-- A database in memory: filled, indexed, joined, grouped, changed.
PRAGMA temp_store = memory;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, kind INTEGER, text TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
	INSERT INTO item SELECT i, 'name' || (i * 7919 % 30011), i % 97,
		substr('0123456789abcdefghijklmnopqrstuvwxyz0123456789', i % 17 + 1, i % 29) FROM n;
CREATE INDEX by_name ON item (name);
CREATE INDEX by_text ON item (text, kind);
SELECT count(*), sum(length(a.text || b.name)) FROM item a JOIN item b ON a.name = b.name WHERE a.id < 30000;
SELECT sum(n), sum(length(names)) FROM
	(SELECT count(*) AS n, group_concat(name) AS names FROM item GROUP BY kind);
UPDATE item SET text = text || name WHERE id % 3 = 0;
DELETE FROM item WHERE id % 5 = 0;
SELECT count(DISTINCT text), max(name) FROM item;
SELECT sum(length(json)) FROM
	(SELECT json_group_array(json_object('name', name, 'text', text)) AS json FROM item GROUP BY kind);
