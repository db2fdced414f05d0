# An image without a shell, an os-release or anything to run.
FROM scratch
COPY scratchlike.txt /hello.txt
CMD ["/hello.txt"]
