# SPDX-License-Identifier: MIT
# Marks annotations that programs want to see: see docs/schema-compiler.md.
@0xe7ad2ea9c037f0e4;

annotation runtime @0xf116ca490436c78e (annotation) :Void;
# An annotation whose declaration carries this is kept in generated modules, in `annotations_`.
