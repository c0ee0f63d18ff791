async def create_async_steps(request, scope):
    if request.content is None and not request.take_content():
        await request.read()
    errors = []
    order = read_order(request, errors)
    user = read_user(request, errors)
    if errors:
        raise ValidationFailed(errors)
    session = await scope.enter_async_for_response(make_session(user), make_session)
    value = await handler(order, session)
    return respond(value).owned_by(request.exchange)


async def create_async_core(request, scope):
    try:
        try:
            response = await scope.complete(await create_async_steps(request, scope))
        except BaseException as failure:
            raise await scope.fail(failure)
        return response
    except Exception as error:
        return await convert(request, error)


async def create_async(request):
    scope = Scope(request, request.deadline_at is not None)
    if request.deadline_at is None:
        response = await create_async_core(request, scope)
    else:
        response = await guard(request, create_async_core, scope)
    return response
