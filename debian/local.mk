# debian/: the packages
EXTRA_DIST += \
	%D%/changelog \
	%D%/control \
	%D%/copyright \
	%D%/heygenctl.install \
	%D%/heygend.docs \
	%D%/heygend.install \
	%D%/heygend.postrm \
	%D%/libheygen-client-dev.install \
	%D%/libheygen-client0.install \
	%D%/libheygen-client0.symbols \
	%D%/not-installed \
	%D%/rules \
	%D%/source/format \
	$(NULL)
