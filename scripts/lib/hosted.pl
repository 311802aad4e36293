#!/usr/bin/env perl
# Owns the making of the kernel in SQL, on standard output, from the filled files of sql/s10_kernel (the argument) and kernels/sql. With a second argument
# "again" it is the same over a kernel that is there.
#
# What is SQL or PL/pgSQL in sql/s10_kernel stays as it is, and so do aggregates and comments. A function of the library gets a body that refuses. Behind
# all of them the files of kernels/sql define what this kernel has, by CREATE OR REPLACE: PostgreSQL itself keeps names, arguments and results the same.
# Types, their input and output, operators and casts of the library's types are left out: kernels/sql/types.sql has types of its own.
use strict;
use warnings;

sub text_of { my ($file) = @_; open my $in, '<', $file or die "$file: $!"; local $/; return scalar <$in> }

# The statements of a file; comments before a statement stay with it.
sub statements {
    my ($text) = @_;
    my (@all, $piece);
    $piece = '';
    pos($text) = 0;
    while (pos($text) < length $text) {
        if ($text =~ /\G(--[^\n]*\n|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\2\$|[^;'"\$-]+|-)/gcs) { $piece .= $1 }
        elsif ($text =~ /\G;/gc) { push @all, "$piece;"; $piece = '' }
        else { $text =~ /\G(.)/gcs; $piece .= $1 }
    }
    push @all, $piece if $piece =~ /\S/;
    return @all;
}

# name and types of a function, as CREATE, COMMENT or REVOKE write them, so that those of one function are equal.
sub signature {
    my ($name, $arguments) = @_;
    my @types;
    for my $argument (split /,(?![^()]*\))/, $arguments) {
        $argument =~ s/^\s+|\s+$|\s*\b(?:DEFAULT|=)\b.*//gs;
        $argument =~ s/\s+DEFAULT\s.*//s;
        next if $argument =~ /^OUT\s/;
        my $variadic = $argument =~ s/^VARIADIC\s+//;
        push @types, $argument =~ /^\S+\s+(\S.*)$/ ? $1 : $argument;
    }
    return "$name(" . join(',', map { s/\s//gr } @types) . ')';
}

my (@before, @behind);
my $list = \@before;
for (split /\n/, text_of('kernels/sql/order')) {
    if (/^--$/) { $list = \@behind; next }
    s/\s*#.*//;
    push @$list, $_ if length;
}
my $own = join "\n", map { "\n-- kernels/sql/$_\n" . text_of("kernels/sql/$_") } @behind;
# Pages of both editions have one style sheet.
my $style = text_of('core/src/page/style.css');
$own =~ s/\@STYLE\@/$style/;
# run_as() takes parameters of any types; here each set of types that the engine passes has a function of its own.
my @passed = (
    [], ['text'], ['timestamptz'], ['timestamptz', 'timestamptz'], [('timestamptz') x 4],
    ['timestamptz[]', 'timestamptz', 'timestamptz'], ['text[]'], ['text[]', 'timestamptz', 'timestamptz'],
    ['text[]', 'timestamptz', 'timestamptz', 'tid[]'], ['timestamptz', 'timestamptz', 'jsonb'], ['timestamptz', 'timestamptz', 'timestamptz[]'],
    ['timestamptz', 'timestamptz', 'timestamptz[]', 'timestamptz[]'], ['timestamptz', 'bigint', 'bigint'], ['jsonb'],
    ['timestamptz', 'timestamptz', 'jsonb[]'], [('timestamptz') x 4, 'jsonb[]'],
);
my $template = text_of('kernels/sql/run_as.template');
for my $types (@passed) {
    my $text = $template;
    my %slot = (
        default    => @$types ? '' : ' DEFAULT 0',
        zone       => @$types ? '' : " DEFAULT 'UTC'",
        parameters => join('', map { ", p" . ($_ + 1) . " $types->[$_]" } 0 .. $#$types),
        using      => @$types ? ' USING ' . join(', ', map { 'p' . ($_ + 1) } 0 .. $#$types) : '',
        types      => join('', map {", $_"} @$types),
    );
    $text =~ s/\@$_\@/$slot{$_}/g for keys %slot;
    $own .= "\n$text";
    $own .= "COMMENT ON FUNCTION tally.run_as(regrole, text, text, int, text$slot{types}) IS\n'run_as() of a statement with these parameters. "
        . "For the engine only.';\n" if @$types;
}
my %has;
for my $statement (statements($own)) {
    $has{ signature($1, $2) } = 1 if $statement =~ /CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+([\w.]+)\s*\((.*?)\)\s*RETURNS/s
        || $statement =~ /CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+([\w.]+)\s*\((.*?)\)\s*\n?\s*LANGUAGE/s
        || $statement =~ /CREATE\s+OR\s+REPLACE\s+AGGREGATE\s+([\w.]+)\s*\((.*?)\)\s*\(/s;
}

my (%gone, @missing, @idle, $code);
my %typed = map { $_ => 1 } map { text_of("kernels/sql/$_") =~ /^CREATE (?:TYPE|DOMAIN) (tally\.\w+)/mg } @before;
$code = join "\n", map { "\n-- kernels/sql/$_\n" . text_of("kernels/sql/$_") } @before;
for my $statement (statements(text_of($ARGV[0]))) {
    my $bare = $statement =~ s/^\s*(?:--[^\n]*\n\s*)*//r;
    if ($bare =~ /^CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+([\w.]+)\s*\((.*?)\)\s*(?:RETURNS\s+(.*?)\s+)?LANGUAGE\s+c\s(.*)/s) {
        my ($name, $arguments, $result, $rest) = ($1, $2, $3 // '', $4);
        my $signature = signature($name, $arguments);
        # What no language but C can be: input and output of base types, window functions, "any".
        if ("$arguments $result" =~ /\b(?:cstring|internal)\b|"any"/ || $rest =~ /\bWINDOW\b/ || $name =~ /_(?:eq|ne|lt|le|gt|ge|cmp|hash|hash_extended|send)$/
            || $name =~ /_role_/) {
            $gone{$signature} = 1;
            push @missing, $signature if $rest =~ /\bWINDOW\b/ && !$has{$signature};
            next;
        }
        if ($name eq 'tally_internal._hll_trans' && !$has{$signature} && $arguments =~ /"precision"/) {
            # The overloads of the commoner types count as the general one does.
            (my $head = $bare) =~ s/\s+LANGUAGE\s+c\s.*//s;
            $code .= "\n$head\nLANGUAGE sql IMMUTABLE AS 'SELECT tally_internal._hll_taken(state, tally_internal._hll_hash(value), \"precision\")';\n";
            next;
        }
        # What only an aggregate calls is not missing where this kernel computes the aggregate in another way: it goes when the aggregate is replaced.
        push @{ $name =~ /_(?:trans|merge|final)$/ ? \@idle : \@missing }, $signature if !$has{$signature};
        my ($volatility) = $rest =~ /\b(IMMUTABLE|STABLE|VOLATILE)\b/;
        my $strict = $rest =~ /\bSTRICT\b/ ? ' STRICT' : '';
        my $head = $bare =~ s/\s+LANGUAGE\s+c\s.*//sr;
        (my $shown = $name) =~ s/"//g;
        $code .= "\n$head\nLANGUAGE plpgsql " . ($volatility // 'VOLATILE') . "$strict SET search_path = pg_catalog, pg_temp AS "
            . "\$\$ BEGIN PERFORM tally_internal._missing('$shown'); END \$\$;\n";
        next;
    }
    next if $bare =~ /^CREATE\s+TYPE\s+(tally\.\w+)/ && $bare !~ /\bAS\s*\(/;
    next if $bare =~ /^CREATE\s+SCHEMA\b/;
    next if $bare =~ /^CREATE\s+OPERATOR\b|^COMMENT\s+ON\s+OPERATOR\b/;
    next if $bare =~ /^CREATE\s+CAST\s+\((?:tally\.role|regrole|oid)\b/;
    # Types that kernels/sql/types.sql has, and says what they are.
    next if $bare =~ /^COMMENT\s+ON\s+TYPE\s+(tally\.\w+)/ && $typed{$1};
    if ($bare =~ /^(?:COMMENT|REVOKE|GRANT)\b.*?\bFUNCTION\s+([\w.]+)\s*\((.*?)\)\s*(?:IS|FROM|TO)\b/s) {
        my $signature = signature($1, $2 =~ s/\b\w+\s+(?=\S)//gr);
        next if $gone{ signature($1, $2) } || $gone{$signature};
    }
    $code .= $statement;
}
# What to use instead, where there is something. docs/kernel.md says the same in words.
my @instead = (
    [qr/_from_text|_from_bpchar|_sent|_received/ => 'a value of the type: sketches are rows here'],
    [qr/_packed|_unpacked/ => 'GROUP BY of the texts themselves, as the engine does here (_packs_keys())'],
);
my $instead = sub { my ($name) = @_; for (@instead) { return $_->[1] =~ s/'/''/gr if $name =~ $_->[0] } die "$name: what to use instead?\n" };
my $rows = join ",\n    ", map { "('$_', '" . $instead->($_) . "')" } sort @missing;
my $listed = @missing ? "SELECT m.name, m.instead FROM (VALUES\n    $rows) m(name, instead)"
    : 'SELECT NULL::text AS name, NULL::text AS instead WHERE false';
my $made = $code . $own . "\n" . join('', map {"DROP FUNCTION $_;\n"} @idle) . <<SQL;

CREATE VIEW tally.hosted_missing WITH (security_invoker = true) AS
$listed;
COMMENT ON VIEW tally.hosted_missing IS 'The functions of the library edition that this edition has not. Each refuses where it is called.';
COMMENT ON COLUMN tally.hosted_missing.name IS 'The function, with the types of its arguments.';
COMMENT ON COLUMN tally.hosted_missing.instead IS 'What to use instead, where there is something.';
GRANT SELECT ON tally.hosted_missing TO PUBLIC;
SQL
# Over a kernel that is there, types are made where they are missing, and compared where they are not; casts stay.
if (($ARGV[1] // '') eq 'again') {
    my $over = '';
    for my $statement (statements($made)) {
        my $bare = $statement =~ s/^\s*(?:--[^\n]*\n\s*)*//r;
        if ($bare =~ /^CREATE\s+(TYPE|DOMAIN)\s+(\w+\.(\w+))\s/) {
            my ($kind, $name, $last) = ($1, $2, $3);
            my $twin = $bare =~ s/^(CREATE\s+\w+\s+)\w+\./$1pg_temp./r;
            $over .= "\nDO \$hosted\$ BEGIN\nIF to_regtype('$name') IS NULL THEN\n$bare\n"
                . ($kind eq 'TYPE' ? "ELSE\n$twin\nPERFORM pg_temp.same_shape('$name');\nDROP TYPE pg_temp.$last;\n" : '') . "END IF;\nEND \$hosted\$;\n";
        }
        elsif ($bare =~ /^CREATE\s+CAST\b/) { $over .= "\nDO \$hosted\$ BEGIN\n$bare\nEXCEPTION WHEN duplicate_object THEN NULL;\nEND \$hosted\$;\n" }
        else {
            $statement =~ s/^(\s*(?:--[^\n]*\n\s*)*)CREATE (FUNCTION|VIEW)\b/$1CREATE OR REPLACE $2/;
            $over .= $statement;
        }
    }
    $made = "$over\n";
}
print $made;
printf STDERR "kernel in SQL: %d functions of the library are missing\n", scalar @missing if ($ARGV[1] // '') ne 'again';
