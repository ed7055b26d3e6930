#!/usr/bin/env node
// `train …` is `largekernel train …`.
void require('./largekernel.cjs').run(['train', ...process.argv.slice(2)]);
