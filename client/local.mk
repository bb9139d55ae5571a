# client/: libheygen-client and heygenctl
pkgconfig_DATA = client/libheygen-client.pc
include_HEADERS += %D%/heygen-client.h
