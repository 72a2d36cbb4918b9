# The recipes are the steps of .ci/run, and .ci/run without a step is all of them.

# Format, lints, tests, documentation and the README's main job
ci:
    .ci/run

format:
    .ci/run format

lint:
    .ci/run lint

test:
    .ci/run test

kernels:
    .ci/run kernels

doc:
    .ci/run doc

main:
    .ci/run main

web:
    .ci/run web

api:
    .ci/run api
