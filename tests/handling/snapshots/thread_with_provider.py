async def create_steps(request, scope):
    if request.content is None and not request.take_content():
        await request.read()
    errors = []
    order = read_order(request, errors)
    if errors:
        raise ValidationFailed(errors)
    def in_worker(request):
        session = scope.enter(make_session(), make_session)
        value = handler(order, session)
        return scope.close_here(respond(value).owned_by(request.exchange))
    response = await scope.hop(request.exchange.loop_state.handlers, in_worker, profile)
    return response


async def create_core(request, scope):
    try:
        try:
            response = await scope.complete(await create_steps(request, scope))
        except BaseException as failure:
            raise await scope.fail(failure)
        return response
    except Exception as error:
        return await convert(request, error)


async def create(request):
    scope = Scope(request, request.deadline_at is not None)
    if request.deadline_at is None:
        response = await create_core(request, scope)
    else:
        response = await guard(request, create_core, scope)
    return response
