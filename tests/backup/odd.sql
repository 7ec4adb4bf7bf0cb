-- Everything that is awkward in a dump: names, kinds of tables, and what hangs on
-- them. Two roles that come from the globals own some of it.
CREATE SCHEMA "Schema ""quoted""";
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'ok', E'it''s; "fine"');
CREATE TABLE plain (id serial PRIMARY KEY, t text, m mood, p positive);
INSERT INTO plain (t, m, p)
	SELECT E'line\nbreak \\. tab\t' || i, 'ok', i FROM generate_series(1, 1000) i;
INSERT INTO plain (t) VALUES (E'\\.'), (''), (NULL), (E'COPY public.x FROM stdin;\n');
CREATE TABLE "-Fc" (a int);
INSERT INTO "-Fc" VALUES (1), (2);
CREATE TABLE "host=x" (a int);
INSERT INTO "host=x" VALUES (3);
CREATE TABLE "two
lines; and "" $$ 'quotes'" ("col
umn" text DEFAULT 'a;b''c');
INSERT INTO "two
lines; and "" $$ 'quotes'" VALUES ('x'), ('y'), ('z');
CREATE TABLE "Schema ""quoted"""."DATA \back" (a int);
INSERT INTO "Schema ""quoted"""."DATA \back" SELECT generate_series(1, 7);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE no_rows (a int);
CREATE TABLE made (a int, b int GENERATED ALWAYS AS (a * 2) STORED,
	c int GENERATED ALWAYS AS IDENTITY, gone int);
ALTER TABLE made DROP COLUMN gone;
INSERT INTO made (a) SELECT generate_series(1, 20);
CREATE TABLE parts (d date, v int) PARTITION BY RANGE (d);
CREATE TABLE parts_old PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE parts_new PARTITION OF parts FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE parts_rest PARTITION OF parts DEFAULT;
CREATE INDEX ON parts (d);
INSERT INTO parts SELECT DATE '2020-06-01' + i, i FROM generate_series(0, 999) i;
CREATE TABLE parent (a int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (2), (3);
CREATE VIEW seen AS SELECT id, t FROM plain;
CREATE MATERIALIZED VIEW summed AS SELECT count(*) AS n FROM plain;
CREATE UNIQUE INDEX ON summed (n);
CREATE UNLOGGED TABLE fleeting (a int);
INSERT INTO fleeting VALUES (9);
CREATE SEQUENCE "seq; ""odd""" START 5;
SELECT nextval('"seq; ""odd"""'), nextval('"seq; ""odd"""');
CREATE SEQUENCE never_called START 77;
CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
	-- COPY public.plain (id) FROM stdin;
	RETURN NEW;
END $body$;
CREATE TRIGGER trapped BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION trap();
CREATE TRIGGER on_parts AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION trap();
CREATE TYPE span AS RANGE (subtype = int4);
CREATE AGGREGATE glue (text) (sfunc = textcat, stype = text, initcond = '');
CREATE TABLE secret (who text, what text);
INSERT INTO secret VALUES ('a', 'b'), ('c', 'd');
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
ALTER TABLE secret OWNER TO owner_1;
CREATE POLICY mine ON secret TO "owner two" USING (who = current_user);
GRANT SELECT ON plain TO "owner two";
CREATE RULE quiet AS ON DELETE TO no_rows DO INSTEAD NOTHING;
SELECT lo_from_bytea(0, decode(repeat('00ff27', 30000), 'hex')), lo_from_bytea(0, ''), lo_create(0);
COMMENT ON TABLE plain IS E'it''s; a \\ comment -- with $$';
CREATE STATISTICS stats ON d, v FROM parts;
